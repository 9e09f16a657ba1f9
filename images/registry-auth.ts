import { type Challenge, chooseChallenge } from './auth-challenge.ts';
import type { Credentials, RegistryAccess } from './registry-access.ts';
import { type Answer, discard, type Transport } from './registry-transport.ts';
import type { HostGates } from './retry-gate.ts';
import { type Token, TokenCache } from './token-cache.ts';
import { basicAuthorization, fetchToken } from './token-server.ts';

type BearerChallenge = Extract<Challenge, { scheme: 'bearer' }>;

/** Answers the challenges of one origin. Credentials are looked up once, when they are first demanded. */
export class Authenticator {
  readonly #access: RegistryAccess;
  readonly #transport: Transport;
  readonly #gates: HostGates;
  readonly #tokens = new TokenCache();
  /** The scopes that challenges named, by what the request itself says it needs. */
  readonly #demanded = new Map<string, readonly string[]>();
  #challenge: Challenge | undefined;
  #lookup: Promise<Credentials | undefined> | undefined;
  #credentials: Credentials | undefined;

  constructor(access: RegistryAccess, transport: Transport, gates: HostGates) {
    this.#access = access;
    this.#transport = transport;
    this.#gates = gates;
  }

  /** Where the credentials come from that are sent; `undefined` while none are. */
  get credentialsFrom(): string | undefined {
    return this.#credentials?.from;
  }

  /** The `Authorization` for a request to `url` that needs `scopes`; `undefined` until a challenge was met. */
  async authorization(scopes: readonly string[], url: URL, signal: AbortSignal): Promise<string | undefined> {
    const challenge = this.#challenge;
    if (challenge === undefined) return undefined;
    const credentials = await this.#lookUp(signal);
    if (challenge.scheme === 'basic') return basicAuthorization(credentials);
    if (credentials !== undefined && 'registryToken' in credentials) return `Bearer ${credentials.registryToken}`;
    const key = scopes.join(' ');
    const token = await this.#token(challenge, key, [...(this.#demanded.get(key) ?? []), ...scopes], url, signal);
    return `Bearer ${token.value}`;
  }

  /**
   * Learns from a 401, whose body it leaves alone. `sent` is the `Authorization` that was refused. True when the request is worth
   * repeating with what `authorization` gives now.
   */
  async learn(answer: Answer, sent: string | undefined, scopes: readonly string[], signal: AbortSignal): Promise<boolean> {
    const challenge =
      chooseChallenge(answer.headers['www-authenticate']) ?? this.#challenge ?? (await this.#ping(answer.url, signal));
    if (challenge === undefined) return false;
    const key = scopes.join(' ');
    this.#challenge = challenge;
    if (challenge.scheme === 'bearer') this.#demanded.set(key, challenge.scopes);
    if (sent?.startsWith('Bearer ')) this.#tokens.drop(key, sent.slice('Bearer '.length));
    return (await this.authorization(scopes, answer.url, signal)) !== sent;
  }

  async #token(
    challenge: BearerChallenge,
    key: string,
    scopes: readonly string[],
    challengedAt: URL,
    signal: AbortSignal,
  ): Promise<Token> {
    const fetching = async () => {
      const request = {
        host: this.#access.host,
        challengedAt,
        challenge,
        scopes,
        credentials: await this.#lookUp(signal),
        signal,
      };
      const { token, refreshToken } = await fetchToken(request, this.#transport, this.#gates);
      if (refreshToken !== undefined && this.#credentials !== undefined && 'identityToken' in this.#credentials) {
        this.#credentials = { from: this.#credentials.from, identityToken: refreshToken };
      }
      return token;
    };
    return this.#tokens.get(key, fetching, signal);
  }

  async #lookUp(signal: AbortSignal): Promise<Credentials | undefined> {
    this.#lookup ??= (async () => {
      this.#credentials = await this.#access.credentials?.({ signal });
      return this.#credentials;
    })();
    await this.#lookup;
    return this.#credentials;
  }

  // Some registries challenge at /v2/ only (gcr.io).
  async #ping(url: URL, signal: AbortSignal): Promise<Challenge | undefined> {
    const answer = await this.#transport.send({ method: 'GET', url: new URL('/v2/', url), headers: {}, signal });
    await discard(answer);
    return chooseChallenge(answer.headers['www-authenticate']);
  }
}
