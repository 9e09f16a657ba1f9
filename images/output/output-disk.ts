import { constants } from 'node:fs';
import { type FileHandle, open, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { diskFull, freeSpace, namingFailures, tooLarge } from './disk-failure.ts';
import type { OutputFile } from './output-volumes.ts';

/** The most that FAT32 takes as one file. */
export const fat32Limit = 4_294_967_295;

/** What Linux calls FAT among its file systems (statfs(2), MSDOS_SUPER_MAGIC). */
const fat = 0x4d44;

/** A file of this size has blocks at once where there are no holes. */
const probeSize = 64 << 10;

/** Finds out whether a file can be made where `output` is to be; what has that name is not touched. Throws FILE_UNWRITABLE, DISK_FULL. */
export async function checkWritable(output: string): Promise<void> {
  // One name for all: what a killed run left goes with the next, and may be there already.
  const probe = `${output}.probe.partial`;
  await namingFailures(output, 0, async () => {
    await refuseDirectory(output);
    await (await open(probe, constants.O_CREAT | constants.O_WRONLY | constants.O_NOFOLLOW)).close();
    await rm(probe, { force: true });
  });
}

/** Throws FILE_UNWRITABLE for an output that is a directory. */
export async function refuseDirectory(output: string): Promise<void> {
  const found = await stat(output).catch(() => undefined);
  if (found?.isDirectory()) throw new BundleError('FILE_UNWRITABLE', `${output} is a directory`, { hint: 'name a file' });
}

/** Throws DISK_FULL when `size` bytes, of which `there` have their blocks already, do not fit. */
export async function checkSpace(output: string, size: number, there: number): Promise<void> {
  const free = await freeSpace(output);
  if (free !== undefined && free < size - there) throw diskFull(output, { size, free, there });
}

/** Throws FILE_UNWRITABLE for a file that is larger than FAT allows. What hides its kind, such as FUSE, says so later. */
export async function checkLimit(output: string, files: readonly OutputFile[]): Promise<void> {
  const largest = Math.max(...files.map(({ size }) => size));
  if (largest <= fat32Limit) return;
  const disk = await statfs(dirname(output)).catch(() => undefined);
  if (disk?.type === fat) throw tooLarge(output, largest);
}

/** Bytes that have their blocks. */
export async function allocated(handles: readonly FileHandle[]): Promise<number> {
  const found = await Promise.all(handles.map((handle) => handle.stat()));
  return found.reduce((sum, { blocks, size }) => sum + Math.min(blocks * 512, size), 0);
}

/**
 * Whether a file can have places without blocks. exFAT and FAT have none: what lies before a write is filled with zeros first, so
 * that writing from the end to the beginning would write all twice. The file is empty before and after.
 */
export async function holdsHoles(handle: FileHandle): Promise<boolean> {
  await handle.truncate(probeSize);
  const { blocks } = await handle.stat();
  await handle.truncate(0);
  return blocks * 512 < probeSize;
}

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
