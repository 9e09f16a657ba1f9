import type { Digest } from '../../bundle-spec/names.ts';
import type { Descriptor } from '../descriptor.ts';

/** Small enough to be held in memory until its turn, in bytes, and how many of them at a time. */
const smallest = 1 << 20;
const defaultWindow = 8;

type FetchBlob = (descriptor: Descriptor, options: { readonly signal: AbortSignal }) => Promise<Buffer>;

/**
 * Fetches small blobs before their turn, so that a pipe, which takes one blob after the other, does not wait a round trip for each of
 * thousands. At most 8 MiB are held.
 */
export class BlobsAhead {
  readonly #queue: Descriptor[];
  readonly #fetch: FetchBlob;
  readonly #window: number;
  readonly #ended = new AbortController();
  readonly #signal: AbortSignal;
  readonly #under = new Map<Digest, Promise<Buffer>>();

  /** `wanted` in the order in which they will be taken; large ones among them are left out. */
  constructor(
    wanted: readonly Descriptor[],
    fetch: FetchBlob,
    options: { readonly signal: AbortSignal; readonly window?: number },
  ) {
    this.#queue = wanted.filter(({ size }) => size <= smallest);
    this.#fetch = fetch;
    this.#window = options.window ?? defaultWindow;
    this.#signal = AbortSignal.any([options.signal, this.#ended.signal]);
    this.#fill();
  }

  /** A small blob when its turn has come; `undefined` for one that is not fetched ahead. Throws what its source throws. */
  async take(digest: Digest): Promise<Buffer | undefined> {
    const blob = this.#under.get(digest);
    if (blob === undefined) return undefined;
    try {
      return await blob;
    } finally {
      this.#under.delete(digest);
      this.#fill();
    }
  }

  /** Stops what is under way. */
  async close(): Promise<void> {
    this.#queue.length = 0;
    this.#ended.abort();
    await Promise.allSettled(this.#under.values());
  }

  #fill(): void {
    while (this.#under.size < this.#window) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      const blob = this.#fetch(next, { signal: this.#signal });
      blob.catch(() => undefined); // it may fail before its turn; whoever takes it still gets the error
      this.#under.set(next.digest, blob);
    }
  }
}
