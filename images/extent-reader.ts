import { read } from 'node:fs';
import { promisify } from 'node:util';
import { type Extent, endsEarly, sliceExtents } from './extent.ts';

const readSome = promisify(read);

/** Bytes of one read when a range is streamed. */
const blockBytes = 1 << 20;

/** All bytes of a range. Throws BUNDLE_INVALID when a file ends before. */
export async function readExtents(extents: readonly Extent[]): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(sizeOf(extents));
  let from = 0;
  for (const extent of extents) {
    await fill(buffer.subarray(from, from + extent.size), extent);
    from += extent.size;
  }
  return buffer;
}

/**
 * A range in blocks of 1 MiB, each a buffer of its own that the reader may keep. The next block is being read while one is used;
 * reads name their position, so that many ranges of one file can be streamed at once.
 */
export async function* streamExtents(
  extents: readonly Extent[],
  options: { readonly signal: AbortSignal },
): AsyncIterable<Buffer> {
  const end = sizeOf(extents);
  const next = (at: number): Promise<Buffer> | undefined => {
    if (at >= end) return undefined;
    const block = readExtents(sliceExtents(extents, at, Math.min(blockBytes, end - at)));
    block.catch(() => undefined); // it may fail while nobody waits for it yet; whoever does still gets the error
    return block;
  };
  let ahead = next(0);
  try {
    for (let at = 0; ahead !== undefined; ) {
      options.signal.throwIfAborted();
      const block: Buffer = await ahead;
      at += block.length;
      ahead = next(at);
      yield block;
    }
  } finally {
    // Whoever stops early may close the file next: no read may be under way then.
    await ahead?.catch(() => undefined);
  }
}

function sizeOf(extents: readonly Extent[]): number {
  return extents.reduce((sum, { size }) => sum + size, 0);
}

async function fill(buffer: Buffer, { fd, position }: Extent): Promise<void> {
  for (let filled = 0; filled < buffer.length; ) {
    const { bytesRead } = await readSome(fd, buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) throw endsEarly(position + filled);
    filled += bytesRead;
  }
}
