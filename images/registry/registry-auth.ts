import { type Challenge, chooseChallenge } from './auth-challenge.ts';
import type { Credentials, RegistryAccess } from './registry-access.ts';
import { type Answer, discard, type Transport } from './registry-transport.ts';
import type { HostGates } from './retry-gate.ts';
import { type Token, TokenCache } from './token-cache.ts';
import { basicAuthorization, fetchToken } from './token-server.ts';

type BearerChallenge = Extract<Challenge, { scheme: 'bearer' }>;

/** What a request needs to be let in. */
export interface Entry {
  /** Its own scopes, the most important first. */
  readonly scopes: readonly string[];
  /** It lasts minutes, or ends what did: a token with less than half of its life left is renewed before. */
  readonly lasting?: boolean;
  readonly signal: AbortSignal;
}

/** Answers the challenges of one origin. Credentials are looked up when they are first demanded, once for each repository. */
export class Authenticator {
  readonly #access: RegistryAccess;
  readonly #transport: Transport;
  readonly #gates: HostGates;
  readonly #tokens = new TokenCache();
  /** The scopes that challenges named, by what the request itself says it needs. */
  readonly #demanded = new Map<string, readonly string[]>();
  readonly #lookups = new Map<string, Promise<Credentials | undefined>>();
  /** Identity tokens that the token server replaced. */
  readonly #renewed = new Map<Credentials, Credentials>();
  #challenge: Challenge | undefined;
  #from: string | undefined;

  constructor(access: RegistryAccess, transport: Transport, gates: HostGates) {
    this.#access = access;
    this.#transport = transport;
    this.#gates = gates;
  }

  /** Where the credentials come from that were sent last; `undefined` while none are. */
  get credentialsFrom(): string | undefined {
    return this.#from;
  }

  /** The `Authorization` for a request to `url`; `undefined` until a challenge was met. */
  async authorization(entry: Entry, url: URL): Promise<string | undefined> {
    const challenge = this.#challenge;
    if (challenge === undefined) return undefined;
    const credentials = await this.#lookUp(entry);
    this.#from = credentials?.from;
    if (challenge.scheme === 'basic') return basicAuthorization(credentials);
    if (credentials !== undefined && 'registryToken' in credentials) return `Bearer ${credentials.registryToken}`;
    const token = await this.#token(challenge, entry, url);
    return `Bearer ${token.value}`;
  }

  /**
   * Learns from a 401 (or a 403 that names the scope it lacks), whose body it leaves alone. `sent` is the `Authorization` that was
   * refused. True when the request is worth repeating with what `authorization` gives now.
   */
  async learn(answer: Answer, sent: string | undefined, entry: Entry): Promise<boolean> {
    const challenge =
      chooseChallenge(answer.headers['www-authenticate']) ?? this.#challenge ?? (await this.#ping(answer.url, entry.signal));
    if (challenge === undefined) return false;
    const key = keyOf(entry);
    this.#challenge = challenge;
    if (challenge.scheme === 'bearer') this.#demanded.set(key, challenge.scopes);
    if (sent?.startsWith('Bearer ')) this.#tokens.drop(key, sent.slice('Bearer '.length));
    return (await this.authorization(entry, answer.url)) !== sent;
  }

  async #token(challenge: BearerChallenge, entry: Entry, challengedAt: URL): Promise<Token> {
    const key = keyOf(entry);
    const fetching = async () => {
      const held = await this.#lookUp(entry);
      const request = {
        host: this.#access.host,
        challengedAt,
        challenge,
        scopes: orderScopes([...(this.#demanded.get(key) ?? []), ...entry.scopes]),
        credentials: held,
        signal: entry.signal,
      };
      const { token, refreshToken } = await fetchToken(request, this.#transport, this.#gates);
      if (refreshToken !== undefined && held !== undefined && 'identityToken' in held) {
        const renewed = { from: held.from, identityToken: refreshToken };
        for (const original of [held, ...originalsOf(held, this.#renewed)]) this.#renewed.set(original, renewed);
      }
      return token;
    };
    return this.#tokens.get(key, fetching, entry);
  }

  async #lookUp({ scopes, signal }: Entry): Promise<Credentials | undefined> {
    const repository = /^repository:(.+):[^:]*$/.exec(scopes[0] ?? '')?.[1];
    const key = repository ?? '';
    const lookup = this.#lookups.get(key) ?? this.#access.credentials?.({ signal, ...(repository && { repository }) });
    if (lookup === undefined) return undefined;
    this.#lookups.set(key, lookup);
    try {
      const found = await lookup;
      return found && (this.#renewed.get(found) ?? found);
    } catch (error) {
      // It may have been ended on behalf of another request.
      if (this.#lookups.get(key) === lookup) this.#lookups.delete(key);
      throw error;
    }
  }

  // Some registries challenge at /v2/ only (gcr.io).
  async #ping(url: URL, signal: AbortSignal): Promise<Challenge | undefined> {
    const answer = await this.#transport.send({ method: 'GET', url: new URL('/v2/', url), headers: {}, signal });
    await discard(answer);
    return chooseChallenge(answer.headers['www-authenticate']);
  }
}

/** Tokens are for what is asked, in whatever order; the credentials follow from the repository. */
function keyOf({ scopes }: Entry): string {
  return [...scopes].sort().join(' ');
}

/**
 * The right to push first, since some servers look at the first scope only; then those that a challenge named, in its order. A scope
 * that another covers is left out: `repository:a:pull` beside `repository:a:pull,push`.
 */
export function orderScopes(scopes: readonly string[]): string[] {
  const different = [...new Set(scopes)];
  const needed = different.filter((scope) => !different.some((other) => other !== scope && covers(other, scope)));
  const pushes = (scope: string) => /:[^:]*\b(push|\*)[^:]*$/.test(scope);
  return [...needed.filter(pushes), ...needed.filter((scope) => !pushes(scope))];
}

function covers(wide: string, narrow: string): boolean {
  const [wideName, wideActions] = splitScope(wide);
  const [name, actions] = splitScope(narrow);
  return wideName === name && actions.length < wideActions.length && actions.every((action) => wideActions.includes(action));
}

function splitScope(scope: string): readonly [name: string, actions: readonly string[]] {
  const colon = scope.lastIndexOf(':');
  return [scope.slice(0, colon), scope.slice(colon + 1).split(',')];
}

function originalsOf(held: Credentials, renewed: ReadonlyMap<Credentials, Credentials>): Credentials[] {
  return [...renewed].filter(([, current]) => current === held).map(([original]) => original);
}
