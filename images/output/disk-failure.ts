import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BundleError } from '../../bundle-spec/bundle-error.ts';

/**
 * Runs `work`, which writes to `output`, and says what a failing disk means. `size` is what the whole bundle takes; `there` is asked
 * after a failure for the bytes that the next run finds.
 */
export async function namingFailures<T>(
  output: string,
  size: number,
  work: () => Promise<T>,
  there: () => number = () => 0,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw await explained(error, output, { size, there: there() });
  }
}

/** Bytes that this user may still write where `output` is to be; `undefined` where the file system does not tell. */
export async function freeSpace(output: string): Promise<number | undefined> {
  const disk = await statfs(dirname(output)).catch(() => undefined);
  // Some network file systems say that they have no blocks at all.
  return disk === undefined || disk.blocks === 0 ? undefined : disk.bavail * disk.bsize;
}

/** What is short of what. `there` are the bytes that an earlier run left and that count. */
export function diskFull(
  output: string,
  { size, free, there = 0 }: { readonly size: number; readonly free: number | undefined; readonly there?: number },
  cause?: unknown,
): BundleError {
  const kept = there === 0 ? '' : `, of which ${there} are there`;
  const left = free === undefined ? '' : `, and ${free} are free in ${dirname(output)}`;
  return new BundleError('DISK_FULL', `${output} takes ${size} bytes${kept}${left}`, {
    hint: there === 0 ? 'make room, or write to another disk' : 'make room, then run the same command again: it continues',
    ...(cause === undefined ? {} : { cause }),
  });
}

export function tooLarge(output: string, size: number, cause?: unknown): BundleError {
  return new BundleError(
    'FILE_UNWRITABLE',
    `cannot write ${output}: no file of ${size} bytes is allowed there (FAT32 ends at 4 GiB; see also ulimit -f)`,
    {
      hint: '--volume-size fat32 writes it in volumes that fit; exFAT takes it as one file',
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

async function explained(
  error: unknown,
  output: string,
  { size, there }: { readonly size: number; readonly there: number },
): Promise<unknown> {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  // What fails to be read is a source, and no fault of the output.
  const isRead = error instanceof Error && 'syscall' in error && error.syscall === 'read';
  if (error instanceof BundleError || typeof code !== 'string' || isRead) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(output, { size, free: await freeSpace(output), there }, error);
  if (code === 'EFBIG') return tooLarge(output, size, error);
  const reason = reasons[code];
  if (reason === undefined) return error;
  return new BundleError('FILE_UNWRITABLE', `cannot write ${output}: ${reason}`, { cause: error });
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOENT: 'its directory does not exist',
  ENOTDIR: 'its directory does not exist',
  EISDIR: 'it is a directory',
  ELOOP: 'a file beside it that is needed is a symbolic link',
  EIO: 'the disk reports an error',
};
