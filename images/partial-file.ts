import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { blockSize } from './tar-header.ts';

/** A file that is written under another name and gets its own only when it is whole. */
export interface PartialFile {
  readonly handle: FileHandle;
  /** Makes all bytes durable, then gives the file its name, replacing what had it. */
  publish(): Promise<void>;
  /** Closes and removes what was written. Does nothing after `publish`. */
  discard(): Promise<void>;
}

/** Who writes a partial file. It stands in the first block until the block's real bytes are written, last of all. */
interface Owner {
  readonly pid: number;
  readonly host: string;
  /** When the process began, in the kernel's ticks: tells a process from a later one with the same id. */
  readonly started: string;
}

/** A writer on another host cannot be asked whether it lives. One that wrote within this time is taken to be alive. */
const quietMs = 5 * 60_000;

/** A file that names no owner is just being opened or just being renamed, if it was touched within this time. */
const momentMs = 10_000;

/**
 * Opens `<output>.partial` for `size` bytes, all zero, and keeps every other process out of it until it is published or
 * discarded. What a killed process left there is replaced. Throws FILE_UNWRITABLE (also when another process is at work) and
 * DISK_FULL, before anything is written.
 */
export async function openPartial(output: string, size: number): Promise<PartialFile> {
  const partial = `${output}.partial`;
  return namingFailures(output, size, async () => {
    await refuseDirectory(output);
    const handle = await openExclusively(partial, output);
    const file = partialFile(handle, partial, output);
    try {
      await handle.write(await ownerBlock(), 0, blockSize, 0);
      await checkSpace(output, size);
      await handle.truncate(size);
      return file;
    } catch (error) {
      await file.discard();
      throw error;
    }
  });
}

/** Finds out whether a file can be made where `output` is to be; what has that name is not touched. Throws FILE_UNWRITABLE, DISK_FULL. */
export async function checkWritable(output: string): Promise<void> {
  const probe = `${output}.${process.pid}.partial`;
  await namingFailures(output, 0, async () => {
    await refuseDirectory(output);
    await (await open(probe, 'wx')).close();
    await rm(probe);
  });
}

/** Runs `work`, which writes to `output`, and says what a failing disk means. `size` is what the whole file takes. */
export async function namingFailures<T>(output: string, size: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw await explained(error, output, size);
  }
}

function partialFile(handle: FileHandle, partial: string, output: string): PartialFile {
  let open = true;
  return {
    handle,
    async publish() {
      await handle.sync();
      if (!(await isOurs(handle, partial))) {
        throw new BundleError('FILE_UNWRITABLE', `another process replaced ${partial} while ${output} was written`);
      }
      await rename(partial, output);
      open = false;
      await handle.close();
      await syncDirectory(dirname(output));
    },
    async discard() {
      if (!open) return;
      open = false;
      const ours = await isOurs(handle, partial);
      await handle.close();
      if (ours) await rm(partial, { force: true });
    },
  };
}

async function openExclusively(partial: string, output: string): Promise<FileHandle> {
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR;
  try {
    return await open(partial, flags, 0o644);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  await refuseLivingOwner(partial, output);
  await rm(partial, { force: true });
  return open(partial, flags, 0o644);
}

async function refuseLivingOwner(partial: string, output: string): Promise<void> {
  const owner = await readOwner(partial);
  const alive = owner === undefined ? await isFresh(partial, momentMs) : await isAlive(owner, partial);
  if (!alive) return;
  const who = owner === undefined ? '' : ` (process ${owner.pid} on ${owner.host})`;
  throw new BundleError('FILE_UNWRITABLE', `another process is writing ${output}${who}`, {
    hint: `wait for it, or choose another output; if it is gone, delete ${partial}`,
  });
}

async function isFresh(partial: string, limitMs: number): Promise<boolean> {
  return Date.now() - (await stat(partial)).mtimeMs < limitMs;
}

async function isAlive(owner: Owner, partial: string): Promise<boolean> {
  if (owner.host !== hostname()) return isFresh(partial, quietMs);
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
  return (await startOf(owner.pid)) === owner.started;
}

async function ownerBlock(): Promise<Buffer> {
  const owner: Owner = { pid: process.pid, host: hostname(), started: await startOf(process.pid) };
  const block = Buffer.alloc(blockSize);
  block.write(JSON.stringify(owner));
  return block;
}

async function readOwner(partial: string): Promise<Owner | undefined> {
  const handle = await open(partial);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(blockSize), 0, blockSize, 0);
    const owner: Partial<Owner> = JSON.parse(buffer.toString('utf8', 0, bytesRead).replace(/\0+$/, ''));
    const { pid, host, started } = owner;
    return pid === undefined || host === undefined || started === undefined ? undefined : { pid, host, started };
  } catch {
    return undefined; // nothing of ours stands there
  } finally {
    await handle.close();
  }
}

/** The start time of a process where the kernel tells it (Linux), else nothing. */
async function startOf(pid: number): Promise<string> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field, the command's name in parentheses, may hold anything; the start time is the 20th after it.
  return status.slice(status.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

async function isOurs(handle: FileHandle, partial: string): Promise<boolean> {
  const [mine, named] = await Promise.all([handle.stat(), stat(partial).catch(() => undefined)]);
  return named !== undefined && named.ino === mine.ino && named.dev === mine.dev;
}

async function refuseDirectory(output: string): Promise<void> {
  const found = await stat(output).catch(() => undefined);
  if (found?.isDirectory()) throw new BundleError('FILE_UNWRITABLE', `${output} is a directory`, { hint: 'name a file' });
}

async function checkSpace(output: string, size: number): Promise<void> {
  const free = await freeSpace(output);
  if (free !== undefined && free < size) throw diskFull(output, size, free);
}

async function freeSpace(output: string): Promise<number | undefined> {
  const disk = await statfs(dirname(output)).catch(() => undefined);
  // Some network file systems say that they have no blocks at all.
  return disk === undefined || disk.blocks === 0 ? undefined : disk.bavail * disk.bsize;
}

function diskFull(output: string, size: number, free: number | undefined, cause?: unknown): BundleError {
  const left = free === undefined ? '' : `, and ${free} are free in ${dirname(output)}`;
  return new BundleError('DISK_FULL', `${output} takes ${size} bytes${left}`, {
    hint: 'make room, or write to another disk',
    ...(cause === undefined ? {} : { cause }),
  });
}

async function explained(error: unknown, output: string, size: number): Promise<unknown> {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  // What fails to be read is a source, and no fault of the output.
  const isRead = error instanceof Error && 'syscall' in error && error.syscall === 'read';
  if (error instanceof BundleError || typeof code !== 'string' || isRead) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(output, size, await freeSpace(output), error);
  const reason = reasons[code];
  if (reason === undefined) return error;
  return new BundleError('FILE_UNWRITABLE', `cannot write ${output}: ${reason(size)}`, { cause: error });
}

const reasons: Readonly<Record<string, (size: number) => string>> = {
  EACCES: () => 'permission denied',
  EPERM: () => 'permission denied',
  EROFS: () => 'the file system is read-only',
  ENOENT: () => 'its directory does not exist',
  ENOTDIR: () => 'its directory does not exist',
  EISDIR: () => 'it is a directory',
  EFBIG: (size) => `no file of ${size} bytes is allowed there (FAT32 ends at 4 GiB; see also ulimit -f)`,
  EIO: () => 'the disk reports an error',
};

/** Makes a rename durable. Not every file system lets a directory be synced; then there is nothing to do. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => undefined);
  if (directory === undefined) return;
  await directory.sync().catch(() => undefined);
  await directory.close();
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
