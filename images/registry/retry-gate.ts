import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionTrouble } from './connection-failure.ts';
import { RequestPace } from './request-pace.ts';

export interface RetryPolicy {
  /** Attempts in all for one kind of trouble, the first included. Default 8, which is about a minute. */
  readonly tries?: number;
  /** First pause; each further one is twice as long, give or take a fifth. Default 500. */
  readonly baseMs?: number;
  /** Longest pause of our own choice. Default 60,000. */
  readonly capMs?: number;
  /** Longest `Retry-After` obeyed; a host that asks for more is given up. Default 5 minutes. */
  readonly patienceMs?: number;
  /** Told of pauses long enough to be noticed (2 seconds and more), at most every 5 seconds for a host. */
  readonly onWait?: (wait: Wait) => void;
}

/** A pause that a user should know of. `describeWait` makes a line of it. */
export interface Wait {
  readonly host: string;
  readonly ms: number;
  /** `asked`: the host told how long. `limited`: it limits requests and does not say. `failing`: 5xx. The rest is the connection. */
  readonly why: 'asked' | 'limited' | 'failing' | 'unreachable' | 'dropped' | 'stalled';
}

/** Why an attempt failed although a later one may not. `status` is that of the answer, if there was one. */
export interface Trouble {
  readonly connection?: ConnectionTrouble;
  readonly status?: number;
  readonly retryAfter?: string | undefined;
  /** A quota of hours is used up (Docker Hub's `ratelimit-remaining: 0;w=21600`): that others are served gives no hope. */
  readonly exhausted?: boolean;
}

/** Answers that a later attempt may turn: distribution-spec, and what proxies say (499 nginx, 522 Cloudflare). */
const passing = new Set([408, 425, 429, 499, 500, 502, 503, 504, 522, 524]);

/** Answers that concern the whole host, not one request. */
const hostwide = new Set([429, 503]);

const lasting = new Set<ConnectionTrouble | undefined>(['untrusted', 'no-tls', 'barred']);

/** While a host serves others it is believed that it will serve this request too, this often at most. */
const mostAttempts = 500;

/** How long ago "serves others" may be. */
const recentMs = 30_000;

const noticeableMs = 2000;
const tellEveryMs = 5000;

/** Separate counters: a host that drops connections may yet have no trouble to answer. */
type Kind = 'connect' | 'stall' | 'failing';

/** One per host: a pause it asks for is kept by every request, and once it limits requests they go at a pace that it bears. */
export class RetryGate {
  readonly #host: string;
  readonly #tries: number;
  readonly #baseMs: number;
  readonly #capMs: number;
  readonly #patienceMs: number;
  readonly #onWait: RetryPolicy['onWait'];
  readonly #pace = new RequestPace();
  readonly #strikes: Record<Kind, { count: number; at: number }> = {
    connect: { count: 0, at: -1000 },
    stall: { count: 0, at: -1000 },
    failing: { count: 0, at: -1000 },
  };
  /** Nobody passes before this time (performance.now). */
  #openAt = 0;
  #servedAt = Number.NEGATIVE_INFINITY;
  #toldAt = Number.NEGATIVE_INFINITY;
  #answered = false;

  /** `host` is the name to tell waits by. */
  constructor(policy: RetryPolicy = {}, host = '') {
    const { tries = 8, baseMs = 500, capMs = 60_000, patienceMs = 300_000, onWait } = policy;
    this.#host = host;
    this.#tries = tries;
    this.#baseMs = baseMs;
    this.#capMs = capMs;
    this.#patienceMs = patienceMs;
    this.#onWait = onWait;
  }

  /** Resolves when the host may be asked: once for every request. */
  async pass(signal: AbortSignal): Promise<void> {
    for (let waited = true; waited; ) {
      signal.throwIfAborted();
      const restMs = this.#openAt - performance.now();
      if (restMs > 0) await sleep(restMs, undefined, { signal });
      waited = restMs > 0 || ((await this.#pace.turn(signal)) && this.#openAt > performance.now());
    }
  }

  /** To be told of every answer: a host that has answered deserves more patience, and one that serves is asked faster again. */
  answered(status?: number): void {
    this.#answered = true;
    if (status !== undefined && passing.has(status)) return;
    this.#servedAt = performance.now();
    this.#pace.served();
    for (const strike of Object.values(this.#strikes)) strike.count /= 2;
  }

  /**
   * How long to wait before the next attempt, in milliseconds; `undefined` when there should be none. `attempt` counts from 1: how
   * many have failed so far in this way. A pause that the host asks for is from now on kept by everyone.
   */
  pauseAfter(trouble: Trouble, attempt: number): number | undefined {
    const askedMs = parseRetryAfter(trouble.retryAfter);
    if (!this.#worthwhile(trouble, attempt, askedMs)) return undefined;
    const pauseMs = askedMs ?? this.#backOff(trouble, attempt);
    if (trouble.status === 429) this.#pace.limited(pauseMs);
    this.#tell(trouble, askedMs !== undefined, pauseMs);
    if (trouble.status === undefined || !hostwide.has(trouble.status)) return pauseMs;
    this.#openAt = Math.max(this.#openAt, performance.now() + pauseMs);
    // All who wait for it would otherwise come back in the same instant.
    return pauseMs + Math.random() * Math.min(this.#baseMs, 200);
  }

  #backOff(trouble: Trouble, attempt: number): number {
    const strikes = trouble.status === 429 ? 0 : this.#strike(kindOf(trouble));
    const doublings = Math.max(attempt, Math.min(strikes, 5)) - 1;
    // A limit that is paced needs no long pauses as well: they would only leave the host idle.
    const capMs = trouble.status === 429 && this.#serves() ? Math.min(this.#capMs, this.#baseMs * 4) : this.#capMs;
    return Math.min(capMs, this.#baseMs * 2 ** doublings) * (0.8 + Math.random() * 0.4);
  }

  /** What many requests suffer at once is one failure of the host. */
  #strike(kind: Kind): number {
    const strike = this.#strikes[kind];
    const now = performance.now();
    if (now - strike.at > this.#baseMs) strike.count += 1;
    strike.at = now;
    return Math.floor(strike.count);
  }

  #serves(): boolean {
    return performance.now() - this.#servedAt < recentMs;
  }

  #worthwhile({ connection, status, exhausted }: Trouble, attempt: number, askedMs: number | undefined): boolean {
    if (lasting.has(connection)) return false;
    if (status !== undefined && !passing.has(status)) return false;
    if (askedMs !== undefined && askedMs > this.#patienceMs) return false;
    // A wrong host name or a stopped registry should be told at once, a link that died under way be waited for.
    if (connection === 'unreachable' && !this.#answered) return attempt < Math.min(2, this.#tries);
    // Who closes every connection and has never answered means us: a client without certificate, perhaps.
    if (connection === 'dropped' && !this.#answered) return attempt < Math.min(4, this.#tries);
    if (status === 429 && exhausted !== true && this.#serves()) return attempt < mostAttempts;
    // Who tells when to come back is believed more often.
    return attempt < (askedMs === undefined ? this.#tries : this.#tries * 5);
  }

  #tell(trouble: Trouble, asked: boolean, ms: number): void {
    const now = performance.now();
    if (this.#onWait === undefined || ms < noticeableMs || now - this.#toldAt < tellEveryMs) return;
    this.#toldAt = now;
    this.#onWait({ host: this.#host, ms, why: asked ? 'asked' : whyOf(trouble) });
  }
}

/** One gate a host, shared by all that ask it: repositories, mirrors of several registries, several clients. */
export class HostGates {
  readonly #policy: RetryPolicy;
  readonly #gates = new Map<string, RetryGate>();

  constructor(policy: RetryPolicy = {}) {
    this.#policy = policy;
  }

  /** The gate of a URL's host; token servers have theirs, also where they share a host with the registry. */
  of({ host }: URL, role: 'registry' | 'token server' = 'registry'): RetryGate {
    const key = `${role} ${host}`;
    const gate = this.#gates.get(key) ?? new RetryGate(this.#policy, host);
    this.#gates.set(key, gate);
    return gate;
  }
}

/** `registry.example asks to wait 30 s`. */
export function describeWait({ host, ms, why }: Wait): string {
  const seconds = `${Math.max(1, Math.round(ms / 1000))} s`;
  return {
    asked: `${host} asks to wait ${seconds}`,
    limited: `${host} limits requests: waiting ${seconds}`,
    failing: `${host} fails: trying again in ${seconds}`,
    unreachable: `${host} cannot be reached: trying again in ${seconds}`,
    dropped: `${host} closed the connection: trying again in ${seconds}`,
    stalled: `${host} went silent: trying again in ${seconds}`,
  }[why];
}

function kindOf({ connection, status }: Trouble): Kind {
  if (status !== undefined) return 'failing';
  return connection === 'stalled' ? 'stall' : 'connect';
}

function whyOf({ connection, status }: Trouble): Wait['why'] {
  if (status !== undefined) return status === 429 ? 'limited' : 'failing';
  return connection === 'unreachable' || connection === 'stalled' ? connection : 'dropped';
}

/** `Retry-After` in milliseconds from now: seconds or an HTTP date (RFC 9110, 10.2.3). A date that is over says that clocks differ, and nothing else. */
export function parseRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return date > Date.now() ? date - Date.now() : undefined;
}
