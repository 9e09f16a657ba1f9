import { type FileHandle, open } from 'node:fs/promises';
import { BundleError } from '../bundle-spec/bundle-error.ts';

/** Bytes of one read when a file is streamed. */
const blockBytes = 1 << 20;

/** Opens a file or directory. Throws FILE_UNREADABLE. */
export async function openForReading(path: string): Promise<FileHandle> {
  return open(path, 'r').catch((cause: unknown) => {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const reason = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'permission denied' : String(cause);
    throw new BundleError('FILE_UNREADABLE', `cannot read ${path}: ${reason}`, { cause });
  });
}

/** Exactly `size` bytes at `position`. Throws BUNDLE_INVALID when the file ends before. */
export async function readRange(handle: FileHandle, position: number, size: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await handle.read(buffer, filled, size - filled, position + filled);
    if (bytesRead === 0) throw endsEarly(position + filled);
    filled += bytesRead;
  }
  return buffer;
}

/**
 * The `size` bytes at `position` in blocks of 1 MiB, each a buffer of its own that the reader may keep. The next block is being
 * read while one is used; reads name their position, so that many ranges of one handle can be streamed at once.
 */
export async function* streamRange(
  handle: FileHandle,
  position: number,
  size: number,
  options: { readonly signal: AbortSignal },
): AsyncIterable<Buffer> {
  const end = position + size;
  const next = (at: number): Promise<Buffer> | undefined => {
    if (at >= end) return undefined;
    const block = readRange(handle, at, Math.min(blockBytes, end - at));
    block.catch(() => undefined); // it may fail while nobody waits for it yet; whoever does still gets the error
    return block;
  };
  let ahead = next(position);
  try {
    for (let at = position; ahead !== undefined; ) {
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

/** Writes all of `bytes` at `position`. */
export async function writeRange(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

function endsEarly(position: number): BundleError {
  return new BundleError('BUNDLE_INVALID', `the file ends at byte ${position}, in the middle of what it should hold`, {
    hint: 'copy it again from where it was made',
  });
}
