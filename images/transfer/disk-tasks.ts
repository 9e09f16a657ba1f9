import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Digest } from '../../bundle-spec/names.ts';
import { digestFrom } from '../digest.ts';
import type { Extent } from '../extent.ts';
import { ExtentWriter } from './extent-writer.ts';
import { endsEarly } from './messages.ts';

export interface DiskOptions {
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

/** Small enough to stay in the cache of a core between the read, the hash and the write. One for all: each use ends before the next. */
const block = Buffer.allocUnsafeSlow(256 << 10);

/** After so many bytes other tasks of the thread have their turn. */
const turnSize = 8 << 20;

export async function hashExtents(extents: readonly Extent[], options: DiskOptions): Promise<Digest> {
  const hash = createHash('sha256');
  await eachBlock(extents, (bytes) => void hash.update(bytes), options);
  return digestFrom(hash);
}

/** The digest of each range, in one go: thousands of small ones would otherwise cost more in messages than in hashing. */
export async function hashEach(ranges: readonly (readonly Extent[])[], options: DiskOptions): Promise<Digest[]> {
  const digests: Digest[] = [];
  for (const extents of ranges) digests.push(await hashExtents(extents, options));
  return digests;
}

export async function copyExtents(
  extents: readonly Extent[],
  places: readonly (readonly Extent[])[],
  options: DiskOptions,
): Promise<Digest> {
  const hash = createHash('sha256');
  const writers = places.map((place) => new ExtentWriter(place));
  await eachBlock(
    extents,
    (bytes) => {
      hash.update(bytes);
      for (const writer of writers) writer.write(bytes);
    },
    options,
  );
  return digestFrom(hash);
}

/** Calls `use` with all bytes of the extents in order; the buffer is only good until it returns. */
export async function eachBlock(
  extents: readonly Extent[],
  use: (bytes: Buffer) => void,
  { signal, onBytes }: DiskOptions,
): Promise<void> {
  let turn = 0;
  for (const { fd, position, size } of extents) {
    for (let at = 0; at < size; ) {
      const length = readSync(fd, block, 0, Math.min(block.length, size - at), position + at);
      if (length === 0) throw Object.assign(new Error(`the file ends at byte ${position + at}`), { code: endsEarly });
      use(block.subarray(0, length));
      onBytes(length);
      at += length;
      turn += length;
      if (turn < turnSize) continue;
      turn = 0;
      await nextTurn();
      signal.throwIfAborted();
    }
  }
}
