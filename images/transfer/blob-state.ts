import { createHash } from 'node:crypto';
import type { Digest } from '../../bundle-spec/names.ts';
import { digestFrom } from '../digest.ts';
import { sliceExtents } from '../extent.ts';
import { type DiskOptions, eachBlock } from './disk-tasks.ts';
import { ExtentWriter } from './extent-writer.ts';
import type { BlobPlan, BlobProgress } from './messages.ts';

/** A blob on its way: its hash and how far it got outlive the connections that bring it. */
export class BlobState {
  readonly plan: BlobPlan;
  readonly #hash = createHash('sha256');
  readonly #writers: readonly ExtentWriter[];
  #received = 0;
  #digest: Digest | undefined;

  constructor(plan: BlobPlan) {
    this.plan = plan;
    this.#writers = plan.places.map((place) => new ExtentWriter(place));
  }

  /** Bytes that are hashed and written. */
  get received(): number {
    return this.#received;
  }

  /** How far it is, and the digest when it is whole. */
  get progress(): BlobProgress {
    const isWhole = this.#received === this.plan.size;
    if (isWhole) this.#digest ??= digestFrom(this.#hash);
    return { received: this.#received, ...(this.#digest === undefined ? {} : { digest: this.#digest }) };
  }

  /** Takes the next bytes. Throws what the disk says, and RangeError for more than the blob has. */
  take(bytes: Buffer): void {
    if (bytes.length > this.plan.size - this.#received) throw new RangeError('more bytes than the blob has');
    this.#hash.update(bytes);
    for (const writer of this.#writers) writer.write(bytes);
    this.#received += bytes.length;
  }

  /** Reads the `kept` bytes at the start of the first place, for the hash and for the other places. Throws as `hashExtents`. */
  async keep(kept: number, options: DiskOptions): Promise<void> {
    const [place = []] = this.plan.places;
    const [first, ...others] = this.#writers;
    const use = (bytes: Buffer): void => {
      this.#hash.update(bytes);
      first?.skip(bytes.length);
      for (const writer of others) writer.write(bytes);
      this.#received += bytes.length;
    };
    await eachBlock(sliceExtents(place, 0, kept), use, options);
  }
}
