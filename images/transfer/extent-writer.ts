import { writeSync } from 'node:fs';
import type { Extent } from '../extent.ts';

/** Writes bytes one behind the other into extents. */
export class ExtentWriter {
  readonly #extents: readonly Extent[];
  #index = 0;
  #filled = 0;

  constructor(extents: readonly Extent[]) {
    this.#extents = extents;
  }

  /** Throws RangeError for more than there is room for, and what the disk says. */
  write(bytes: Buffer): void {
    for (let from = 0; from < bytes.length; ) {
      const { fd, position, size } = this.#current(bytes.length - from);
      const length = Math.min(bytes.length - from, size - this.#filled);
      const written = writeSync(fd, bytes, from, length, position + this.#filled);
      from += written;
      this.#filled += written;
    }
  }

  /** Leaves `length` bytes as they are. */
  skip(length: number): void {
    for (let left = length; left > 0; ) {
      const step = Math.min(left, this.#current(left).size - this.#filled);
      left -= step;
      this.#filled += step;
    }
  }

  #current(wanted: number): Extent {
    for (;;) {
      const extent = this.#extents[this.#index];
      if (extent === undefined) throw new RangeError(`${wanted} bytes more than there is room for`);
      if (this.#filled < extent.size) return extent;
      this.#index += 1;
      this.#filled = 0;
    }
  }
}
