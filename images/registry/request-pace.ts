import { setTimeout as sleep } from 'node:timers/promises';

/** The slowest pace: a request in this time. */
const longestMs = 2000;

/** Faster than this is no pace at all. */
const shortestMs = 2;

/** Requests further back than this say nothing of what a host bears now. */
const windowMs = 2000;

/** How much closer requests come with each that is served: first quickly, and slowly once a second 429 has shown where the limit is. */
const growth = { first: 0.9, later: 0.995 };

/**
 * The pace of requests to a host that limits them: none until it says 429, then seven tenths of what it served last, then faster again
 * with every request that it serves. All requests queue for it, so that a storm of them ends in completion.
 */
export class RequestPace {
  /** Between two requests. 0: as they come. */
  #intervalMs = 0;
  #growth = growth.first;
  #nextAt = 0;
  #slowedAt = Number.NEGATIVE_INFINITY;
  /** When requests were served, the last of them. */
  #served: number[] = [];
  /** Settled when the last in the queue has had its turn. */
  #queue: Promise<unknown> = Promise.resolve();

  /** Resolves when it is this request's turn. False when there is no pace, and nothing was waited for. */
  async turn(signal: AbortSignal): Promise<boolean> {
    if (this.#intervalMs === 0) return false;
    const turn = this.#queue.then(async () => {
      while (!signal.aborted && performance.now() < this.#nextAt) {
        // The pace may quicken meanwhile.
        await sleep(Math.min(100, Math.max(1, this.#nextAt - performance.now())), undefined, { signal }).catch(() => undefined);
      }
      if (!signal.aborted) this.#nextAt = performance.now() + this.#intervalMs;
    });
    this.#queue = turn;
    await turn;
    signal.throwIfAborted();
    return true;
  }

  /** A request was served. */
  served(): void {
    this.#served.push(performance.now());
    if (this.#served.length > 1000) this.#served = this.#served.slice(-500);
    this.#intervalMs *= this.#growth;
    if (this.#intervalMs < shortestMs) this.#intervalMs = 0;
  }

  /** The host said 429, and nobody will ask for `pauseMs`. What many requests hear at once is one slowing down. */
  limited(pauseMs: number): void {
    const now = performance.now();
    if (now - this.#slowedAt < Math.max(250, this.#intervalMs * 2)) return;
    this.#slowedAt = now + pauseMs;
    if (this.#intervalMs > 0) {
      this.#growth = growth.later;
      this.#intervalMs = Math.min(longestMs, this.#intervalMs * 1.4);
      return;
    }
    const recent = this.#served.filter((at) => now - at < windowMs).length;
    this.#growth = growth.first;
    this.#intervalMs = windowMs / Math.max(20, recent * 0.7);
  }
}
