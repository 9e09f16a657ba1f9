import { createHash } from 'node:crypto';
import { read, readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { verifyBytes } from '../blob-source.ts';
import type { Descriptor } from '../descriptor.ts';
import { digestFrom } from '../digest.ts';
import { type Extent, endsEarly, sliceExtents } from '../extent.ts';
import type { Abortable } from './registry.ts';

/** The bytes of a blob to be sent, as often and from wherever it takes: after a 401, a redirect, a cut link. */
export interface BlobBody {
  /** `size` bytes from byte `from` on. Each chunk may be overwritten as soon as the next one is asked for. */
  open(from: number, size: number, options: Abortable): AsyncIterable<Buffer>;
  /** Throws what is wrong with the bytes themselves, when they are not those of their digest: BUNDLE_DAMAGED, DIGEST_MISMATCH, SIZE_MISMATCH. */
  prove(options: Abortable): Promise<void>;
}

/** Bytes in memory that are said to be those of `descriptor`. */
export function bytesBody(bytes: Buffer, descriptor: Pick<Descriptor, 'digest' | 'size'>): BlobBody {
  return {
    async *open(from, size) {
      if (bytes.length !== descriptor.size) verifyBytes(bytes, descriptor, 'memory');
      for (let at = from; at < from + size; at += blockBytes) yield bytes.subarray(at, Math.min(at + blockBytes, from + size));
    },
    prove: async () => verifyBytes(bytes, descriptor, 'memory'),
  };
}

/** Bytes in files, read into a few buffers that are used again and again. `prove` as in BlobBody; by default the bytes are hashed here. */
export function extentsBody(
  extents: readonly Extent[],
  descriptor: Pick<Descriptor, 'digest' | 'size'>,
  prove: BlobBody['prove'] = (options) => proveExtents(extents, descriptor, options),
): BlobBody {
  return { open: (from, size, options) => lentBlocks(sliceExtents(extents, from, size), options), prove };
}

/** More in one write brings nothing (measured), and more in one read makes everything else wait. */
const blockBytes = 256 << 10;

/** A socket asks for the next chunk before it is rid of one that is smaller than this. */
const surelyWaitedFor = 64 << 10;

/** After so many bytes of a blob everything else has its turn. */
const turnBytes = 4 << 20;

/** A disk that takes longer than this for a block, on average, is not waited for with the whole program, for a while. */
const slowReadMs = 8;
const slowForMs = 2000;

const idle: Buffer[] = [];
let usualMs = 0;
let slowUntil = 0;

const readSome = promisify(read);

/**
 * Blocks that lie in the page cache, or come from a fast disk, are read here and now: through the thread pool they would cost a fifth
 * more of the processor. A disk that lets us wait is read in the background.
 */
async function* lentBlocks(extents: readonly Extent[], { signal }: Abortable): AsyncIterable<Buffer> {
  const size = extents.reduce((sum, extent) => sum + extent.size, 0);
  const buffer = idle.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
  for (let at = 0; at < size; at += blockBytes) {
    if (at % turnBytes === turnBytes - blockBytes) await nextTurn();
    signal.throwIfAborted();
    const part = sliceExtents(extents, at, Math.min(blockBytes, size - at));
    const block = performance.now() < slowUntil ? await fill(buffer, part) : fillNow(buffer, part);
    yield block.length < surelyWaitedFor ? Buffer.from(block) : block;
  }
  // Asked for more behind the last one: that has left. After a failure the buffer may still be in somebody's hands, and is let go.
  idle.push(buffer);
}

function fillNow(buffer: Buffer, extents: readonly Extent[]): Buffer {
  const since = performance.now();
  let filled = 0;
  for (const { fd, position, size } of extents) {
    for (let done = 0; done < size; ) {
      const count = readSync(fd, buffer, filled, size - done, position + done);
      if (count === 0) throw endsEarly(position + done);
      done += count;
      filled += count;
    }
  }
  const now = performance.now();
  usualMs = 0.9 * usualMs + 0.1 * (now - since);
  if (usualMs > slowReadMs) {
    usualMs = 0;
    slowUntil = now + slowForMs;
  }
  return buffer.subarray(0, filled);
}

async function fill(buffer: Buffer, extents: readonly Extent[]): Promise<Buffer> {
  let filled = 0;
  for (const { fd, position, size } of extents) {
    for (let done = 0; done < size; ) {
      const { bytesRead } = await readSome(fd, buffer, filled, size - done, position + done);
      if (bytesRead === 0) throw endsEarly(position + done);
      done += bytesRead;
      filled += bytesRead;
    }
  }
  return buffer.subarray(0, filled);
}

async function proveExtents(
  extents: readonly Extent[],
  { digest }: Pick<Descriptor, 'digest'>,
  options: Abortable,
): Promise<void> {
  const hash = createHash('sha256');
  for await (const block of lentBlocks(extents, options)) hash.update(block);
  const found = digestFrom(hash);
  if (found !== digest)
    throw new BundleError('DIGEST_MISMATCH', `the file holds other bytes under ${digest}: their digest is ${found}`);
}
