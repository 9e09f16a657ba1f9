import { createHash } from 'node:crypto';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { WriteChunk } from './blob-source.ts';
import type { Descriptor } from './descriptor.ts';
import { digestFrom } from './digest.ts';

/** Bytes gathered before they are written. Two buffers of this size: one fills from the socket while the other goes to the disk. */
const gatherSize = 1 << 20;

/**
 * The receiving end of a blob: hashes bytes in their order and hands them to `write` in large pieces. It outlives the connections
 * that feed it, so that a resumed blob goes on with the same hash.
 */
export class BlobIntake {
  readonly #expected: Descriptor;
  readonly #from: string;
  readonly #write: WriteChunk;
  #hash = createHash('sha256');
  #received = 0;
  #written = 0;
  #filling: Buffer;
  #spare: Buffer;
  #fill = 0;
  #writing: Promise<void> = Promise.resolve();

  /** `from` names registry and repository in an error. */
  constructor(expected: Descriptor, from: string, write: WriteChunk) {
    this.#expected = expected;
    this.#from = from;
    this.#write = write;
    const size = Math.min(gatherSize, Math.max(1, expected.size));
    this.#filling = Buffer.allocUnsafe(size);
    this.#spare = Buffer.allocUnsafe(size);
  }

  /** How many bytes are in: where a resumed transfer goes on. */
  get received(): number {
    return this.#received;
  }

  get complete(): boolean {
    return this.#received === this.#expected.size;
  }

  /** Takes the next bytes. Throws SIZE_MISMATCH when the blob has fewer, and what `write` throws. */
  async take(chunk: Buffer): Promise<void> {
    this.#received += chunk.length;
    if (this.#received > this.#expected.size) throw this.#wrongSize(`more than ${this.#expected.size}`);
    this.#hash.update(chunk);
    for (let taken = 0; taken < chunk.length; ) {
      const copied = chunk.copy(this.#filling, this.#fill, taken);
      taken += copied;
      this.#fill += copied;
      if (this.#fill === this.#filling.length) await this.#flush();
    }
  }

  /** Begins anew with byte 0; bytes written so far will be written again. */
  async restart(): Promise<void> {
    await this.settled();
    this.#hash = createHash('sha256');
    this.#received = 0;
    this.#written = 0;
    this.#fill = 0;
  }

  /** Writes the rest and proves the whole. Throws DIGEST_MISMATCH. */
  async finish(): Promise<void> {
    if (!this.complete) throw this.#wrongSize(String(this.#received));
    await this.#flush();
    await this.#writing;
    const found = digestFrom(this.#hash);
    if (found === this.#expected.digest) return;
    throw new BundleError(
      'DIGEST_MISMATCH',
      `${this.#from} serves other bytes for ${this.#expected.digest}: their digest is ${found}`,
      {
        hint: 'what it stores is damaged, or a proxy changes it on the way',
      },
    );
  }

  /** Resolves when no write is under way; failed ones were reported before, or do not matter any more. */
  async settled(): Promise<void> {
    await this.#writing.catch(() => undefined);
  }

  async #flush(): Promise<void> {
    await this.#writing;
    if (this.#fill === 0) return;
    const full = this.#filling.subarray(0, this.#fill);
    this.#writing = this.#write(full, this.#written);
    this.#writing.catch(() => undefined); // it is awaited, and thrown, with the next piece
    this.#written += full.length;
    [this.#filling, this.#spare] = [this.#spare, this.#filling];
    this.#fill = 0;
  }

  #wrongSize(found: string): BundleError {
    const { digest, size } = this.#expected;
    return new BundleError('SIZE_MISMATCH', `${this.#from} gives ${found} bytes for ${digest}, which has ${size}`);
  }
}
