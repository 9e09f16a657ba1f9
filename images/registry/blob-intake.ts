import { createHash } from 'node:crypto';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import type { Identity, WriteChunk } from '../blob-source.ts';
import { digestFrom } from '../digest.ts';

/** The receiving end of a blob: hashes bytes in their order and writes them. It outlives the connections that feed it. */
export interface Intake {
  /** How many bytes are in: where a resumed transfer goes on. */
  readonly received: number;
  /** Takes the next bytes. Throws SIZE_MISMATCH when the blob has fewer, and what writing throws. */
  take(chunk: Buffer): Promise<void>;
  /** Begins anew with byte 0; bytes written so far will be written again. */
  restart(): Promise<void>;
  /** Writes the rest and gives the digest of all. To be asked when all bytes are in. */
  finish(): Promise<Digest>;
  /** Resolves when no write is under way. The intake is not used any more. */
  settled(): Promise<void>;
}

/** Bytes gathered before they are written. Two buffers of this size: one fills from the socket while the other goes to the disk. */
const gatherSize = 1 << 20;

/** An intake in this thread: hands bytes to a function in large pieces. */
export class BlobIntake implements Intake {
  readonly #expected: Identity;
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
  constructor(expected: Identity, from: string, write: WriteChunk) {
    this.#expected = expected;
    this.#from = from;
    this.#write = write;
    const size = Math.min(gatherSize, Math.max(1, expected.size));
    this.#filling = Buffer.allocUnsafe(size);
    this.#spare = Buffer.allocUnsafe(size);
  }

  get received(): number {
    return this.#received;
  }

  async take(chunk: Buffer): Promise<void> {
    checkSize(this.#received + chunk.length, this.#expected, this.#from);
    this.#received += chunk.length;
    this.#hash.update(chunk);
    for (let taken = 0; taken < chunk.length; ) {
      const copied = chunk.copy(this.#filling, this.#fill, taken);
      taken += copied;
      this.#fill += copied;
      if (this.#fill === this.#filling.length) await this.#flush();
    }
  }

  async restart(): Promise<void> {
    await this.settled();
    this.#hash = createHash('sha256');
    this.#received = 0;
    this.#written = 0;
    this.#fill = 0;
  }

  async finish(): Promise<Digest> {
    await this.#flush();
    await this.#writing;
    return digestFrom(this.#hash);
  }

  async settled(): Promise<void> {
    await this.#writing.catch(() => undefined); // a failed write was reported before, or does not matter any more
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
}

/** Throws SIZE_MISMATCH when `received` bytes are more than the blob has. */
export function checkSize(received: number, { digest, size }: Identity, from: string): void {
  if (received <= size) return;
  throw new BundleError('SIZE_MISMATCH', `${from} gives more than ${size} bytes for ${digest}, which has ${size}`);
}
