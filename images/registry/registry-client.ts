import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Transfers } from '../transfer/transfers.ts';
import { chooseChallenge } from './auth-challenge.ts';
import { proxyAnswer, speaksTls } from './connection-failure.ts';
import type { RegistryAccess } from './registry-access.ts';
import { Authenticator, type Entry } from './registry-auth.ts';
import { apiHost } from './registry-dispatcher.ts';
import { answerFailure, type Purpose, type RegistryComplaint, readComplaint } from './registry-failure.ts';
import { sendFollowing } from './registry-redirect.ts';
import {
  type Answer,
  discard,
  type Exchange,
  openTransport,
  type Timeouts,
  type Transport,
  withBody,
} from './registry-transport.ts';
import { RegistryWarnings } from './registry-warnings.ts';
import { HostGates, type RetryGate, type RetryPolicy } from './retry-gate.ts';
import { gated, sendPatiently } from './retry-sending.ts';

export interface RegistryRequest {
  readonly method: Exchange['method'];
  /** A path below the registry, or a whole URL that it gave. */
  readonly url: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Gives the body from its beginning, again for each repetition. */
  readonly openBody?: () => Buffer | AsyncIterable<Buffer>;
  /** Token scopes it needs; see `pullScope` and `pushScope`. */
  readonly scopes: readonly string[];
  readonly headersTimeoutMs?: number;
  /** The body of a success is a document of at most so many bytes, and a part of the answer: one that breaks off is asked for again. */
  readonly documentLimit?: number;
  /** Puts another transport before the usual one. */
  readonly through?: (usual: Transport) => Transport;
  readonly signal: AbortSignal;
}

export interface ClientOptions {
  /** For gates of its own. Without it and without `gates` the defaults. */
  readonly retry?: RetryPolicy;
  /** Shared with the other clients that may ask the same hosts. */
  readonly gates?: HostGates;
  /** Told once of each `Warning: 299` that a registry sends (distribution-spec, "Warnings"). */
  readonly onWarning?: (host: string, text: string) => void;
  readonly timeouts?: Timeouts;
  /** Blobs that go to files are pulled by these threads. They end after the registry. */
  readonly transfers?: Transfers;
}

export const pullScope = (repository: string): string => `repository:${repository}:pull`;
export const pushScope = (repository: string): string => `repository:${repository}:pull,push`;

/** Speaks HTTP with one registry: adds what it wants to know about us, follows where it points, waits when it asks to. */
export class RegistryClient {
  readonly host: string;
  /** The origin of its API. */
  readonly base: URL;
  /** To be obeyed by those who repeat on their own. */
  readonly gate: RetryGate;
  readonly #access: RegistryAccess;
  readonly #gates: HostGates;
  readonly #transport: Transport;
  readonly #auth: Authenticator;
  readonly #warnings: RegistryWarnings;

  constructor(access: RegistryAccess, options: ClientOptions = {}) {
    const { retry = {}, gates = new HostGates(retry), timeouts = {}, onWarning } = options;
    this.host = access.host;
    this.base = baseUrl(access);
    this.gate = gates.of(this.base);
    this.#access = access;
    this.#gates = gates;
    this.#transport = openTransport(access, timeouts);
    this.#auth = new Authenticator(access, this.#transport, gates);
    this.#warnings = new RegistryWarnings((text) => onWarning?.(access.host, text));
  }

  /** Sends and repeats as long as that may help. Throws BundleError when no answer is to be had; any answer is a result. */
  async send(request: RegistryRequest): Promise<Answer> {
    const to = { gate: this.gate, host: this.host, url: this.#urlOf(request), signal: request.signal };
    return sendPatiently(async () => withDocument(await this.attempt(request), request), to);
  }

  /** Sends once when the gate lets it, and again when the registry first wants a token. Throws connection errors as they come. */
  attempt(request: RegistryRequest): Promise<Answer> {
    return gated(this.gate, () => this.#sendOnce(request), request.signal);
  }

  async #sendOnce(request: RegistryRequest): Promise<Answer> {
    const url = this.#urlOf(request);
    const answer = this.#isHome(url) ? await this.#sendAuthorized(request, url) : await this.#exchange(request, url, undefined);
    if (answer.status !== 401 || this.#isHome(answer.url)) return answer;
    // A stranger we were sent to never sees our credentials, but may give everybody a token (ggcr#2359).
    const auth = new Authenticator(anonymous(this.#access), this.#transport, this.#gates);
    return this.#sendAgain(request, answer, auth, { scopes: [], signal: request.signal }, undefined);
  }

  async #sendAuthorized(request: RegistryRequest, url: URL): Promise<Answer> {
    // Who waits without limit for the answer commits an upload.
    const entry = { scopes: request.scopes, lasting: request.headersTimeoutMs === 0, signal: request.signal };
    const sent = await this.#auth.authorization(entry, url);
    const answer = await this.#exchange(request, url, sent);
    if (!asksForMore(answer) || !this.#isHome(answer.url)) return answer;
    return this.#sendAgain(request, answer, this.#auth, entry, sent);
  }

  /** Learns from a refusal and repeats the request where it came from, if that is of use. */
  async #sendAgain(
    request: RegistryRequest,
    refused: Answer,
    auth: Authenticator,
    entry: Entry,
    sent: string | undefined,
  ): Promise<Answer> {
    const { url } = refused;
    if (!(await auth.learn(refused, sent, entry))) return refused;
    await discard(refused);
    return this.#exchange(request, url, await auth.authorization(entry, url));
  }

  /** The error for an answer that is not what was asked for. The body is consumed, unless `complaint` was read from it before. */
  async failure(answer: Answer, purpose: Omit<Purpose, 'host'>, complaint?: RegistryComplaint): Promise<BundleError> {
    const told = complaint ?? (await readComplaint(answer));
    // How servers written in Go, nginx and Apache answer plain http on a TLS port.
    const wantsTls = answer.status === 400 && /HTTPS? (server|port|request)|speaking plain HTTP/i.test(told.message);
    if (wantsTls && answer.url.protocol === 'http:') return speaksTls(this.host, '');
    const ofProxy = proxyAnswer(this.host, answer, told);
    if (ofProxy !== undefined) return ofProxy;
    return answerFailure(answer, { credentialsFrom: this.#auth.credentialsFrom, ...purpose, host: this.host }, told);
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  #urlOf({ url }: RegistryRequest): URL {
    if (typeof url !== 'string') return url;
    const { basePath = '/v2/', namespace } = this.#access;
    const at = new URL(url.replace(/^\/v2\//, basePath), this.base);
    if (namespace !== undefined) at.searchParams.append('ns', namespace);
    return at;
  }

  #isHome(url: URL): boolean {
    return url.origin === this.base.origin;
  }

  async #exchange(request: RegistryRequest, url: URL, authorization: string | undefined): Promise<Answer> {
    const { method, headers = {}, openBody, headersTimeoutMs, signal, through } = request;
    const answer = await sendFollowing(through?.(this.#transport) ?? this.#transport, this.host, {
      method,
      url,
      headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
      signal,
      ...(openBody === undefined ? {} : { openBody }),
      ...(headersTimeoutMs === undefined ? {} : { headersTimeoutMs }),
    });
    this.#warnings.hear(answer);
    return answer;
  }
}

async function withDocument(answer: Answer, { documentLimit }: RegistryRequest): Promise<Answer> {
  return documentLimit === undefined || answer.status !== 200 ? answer : withBody(answer, documentLimit);
}

function baseUrl({ host, plainHttp }: RegistryAccess): URL {
  const url = URL.parse(`${plainHttp ? 'http' : 'https'}://${apiHost(host)}/`);
  if (url === null) throw new BundleError('REFERENCE_INVALID', `"${host}" is no registry host`);
  return url;
}

/** 401, or 403 for a token of too little scope (RFC 6750 3.1). */
function asksForMore({ status, headers }: Answer): boolean {
  if (status === 401) return true;
  const challenge = status === 403 ? chooseChallenge(headers['www-authenticate']) : undefined;
  return challenge?.scheme === 'bearer' && challenge.error === 'insufficient_scope';
}

function anonymous({ host, plainHttp }: RegistryAccess): RegistryAccess {
  return { host, plainHttp };
}
