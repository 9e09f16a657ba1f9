import { type FileHandle, open } from 'node:fs/promises';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { readExtents } from './extent-reader.ts';

/** Opens a file or directory. Throws FILE_UNREADABLE. */
export async function openForReading(path: string): Promise<FileHandle> {
  return open(path, 'r').catch((cause: unknown) => {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const reason = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'permission denied' : String(cause);
    throw new BundleError('FILE_UNREADABLE', `cannot read ${path}: ${reason}`, { cause });
  });
}

/** Exactly `size` bytes at `position`. Throws BUNDLE_INVALID when the file ends before. */
export async function readRange({ fd }: FileHandle, position: number, size: number): Promise<Buffer> {
  return readExtents([{ fd, position, size }]);
}

/** Writes all of `bytes` at `position`. */
export async function writeRange(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}
