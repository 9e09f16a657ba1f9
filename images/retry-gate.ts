import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionTrouble } from './connection-failure.ts';

export interface RetryPolicy {
  /** Attempts in all, the first included. Default 8, which is about a minute. */
  readonly tries?: number;
  /** First pause; each further one is twice as long, give or take a fifth. Default 500. */
  readonly baseMs?: number;
  /** Longest pause of our own choice. Default 60,000. */
  readonly capMs?: number;
  /** Longest `Retry-After` obeyed; a host that asks for more is given up. Default 5 minutes. */
  readonly patienceMs?: number;
}

/** Why an attempt failed although a later one may not. `status` is that of the answer, if there was one. */
export interface Trouble {
  readonly connection?: ConnectionTrouble;
  readonly status?: number;
  readonly retryAfter?: string | undefined;
}

/** Answers that a later attempt may turn: distribution-spec, and what proxies say (499 nginx, 522 Cloudflare). */
const passing = new Set([408, 425, 429, 499, 500, 502, 503, 504, 522, 524]);

/** Answers that concern the whole host, not one request. */
const hostwide = new Set([429, 503]);

/** A host that tells when to come back is believed this often for one request. */
const mostObeyed = 40;

/** One per host: a pause it asks for is kept by every request. */
export class RetryGate {
  readonly #tries: number;
  readonly #baseMs: number;
  readonly #capMs: number;
  readonly #patienceMs: number;
  /** Nobody passes before this time (performance.now). */
  #openAt = 0;
  #answered = false;

  constructor({ tries = 8, baseMs = 500, capMs = 60_000, patienceMs = 300_000 }: RetryPolicy = {}) {
    this.#tries = tries;
    this.#baseMs = baseMs;
    this.#capMs = capMs;
    this.#patienceMs = patienceMs;
  }

  /** Resolves when the host may be asked. */
  async pass(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const restMs = this.#openAt - performance.now();
      if (restMs <= 0) return;
      await sleep(restMs, undefined, { signal });
    }
  }

  /** To be told of every answer: a host that has answered once deserves more patience when it falls silent. */
  answered(): void {
    this.#answered = true;
  }

  /**
   * How long to wait before the next attempt, in milliseconds; `undefined` when there should be none. `attempt` counts from 1: how
   * many have failed so far. A pause that the host asks for is from now on kept by everyone.
   */
  pauseAfter(trouble: Trouble, attempt: number): number | undefined {
    const askedMs = parseRetryAfter(trouble.retryAfter);
    if (!this.#worthwhile(trouble, attempt, askedMs)) return undefined;
    const pauseMs = askedMs ?? Math.min(this.#capMs, this.#baseMs * 2 ** (attempt - 1)) * (0.8 + Math.random() * 0.4);
    if (trouble.status === undefined || !hostwide.has(trouble.status)) return pauseMs;
    this.#openAt = Math.max(this.#openAt, performance.now() + pauseMs);
    // All who wait for it would otherwise come back in the same instant.
    return pauseMs + Math.random() * Math.min(this.#baseMs, 200);
  }

  #worthwhile({ connection, status }: Trouble, attempt: number, askedMs: number | undefined): boolean {
    if (connection === 'untrusted' || connection === 'no-tls' || connection === 'barred') return false;
    if (status !== undefined && !passing.has(status)) return false;
    if (askedMs !== undefined) return askedMs <= this.#patienceMs && attempt < mostObeyed;
    // A wrong host name or a stopped registry should be told at once, a link that died under way be waited for.
    if (connection === 'unreachable' && !this.#answered) return attempt < Math.min(2, this.#tries);
    return attempt < this.#tries;
  }
}

/** `Retry-After` in milliseconds from now: seconds or an HTTP date (RFC 9110, 10.2.3). */
export function parseRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}
