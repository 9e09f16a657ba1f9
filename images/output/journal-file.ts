import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { hasCode } from './disk-failure.ts';
import { type Journal, type JournalLine, journalLine, type Owner, parseJournal } from './journal.ts';

/** An open journal, which nobody else writes until it is closed. */
export interface JournalFile {
  /** What it said when it was opened. */
  readonly found: Journal;
  /** Resolves when the lines are durable. */
  append(lines: readonly JournalLine[]): Promise<void>;
  /** Whether the name still is that of this file. */
  isOurs(): Promise<boolean>;
  /** Leaves it for the next run. */
  close(): Promise<void>;
  /** Removes it. */
  remove(): Promise<void>;
}

/** A writer on another host cannot be asked whether it lives. One that wrote within this time is taken to be alive; NFS may tell a minute late. */
const quietMs = 120_000;

/** So often a writer shows that it lives, also while it hashes and notes nothing. */
const heartbeatMs = 20_000;

/** A journal of 20,000 blobs has 3 MB; what is longer than this is none of ours. */
const longest = 64 << 20;

/**
 * Opens the journal beside `output`, or makes it, and keeps every other process out. Who comes appends a line to say so, and the file
 * has one order for all: whoever finds another living one above its own line withdraws. Throws FILE_UNWRITABLE.
 */
export async function openJournal(path: string, output: string): Promise<JournalFile> {
  for (;;) {
    const handle = await openRegular(path);
    try {
      const held = await claim(handle, output, path);
      if (held === undefined) await handle.close();
      // Whoever published meanwhile has removed the file that was opened.
      else if (await held.isOurs()) return held;
      else await held.close();
    } catch (error) {
      await handle.close();
      throw error;
    }
  }
}

/** Who writes here on behalf of this process. */
async function thisOwner(): Promise<Owner> {
  return { pid: process.pid, host: hostname(), started: await startOf(process.pid), token: randomUUID() };
}

async function openRegular(path: string): Promise<FileHandle> {
  const flags = constants.O_CREAT | constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags, 0o644);
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new BundleError('FILE_UNWRITABLE', `${path} is in the way: it is no file`, { hint: 'remove it' });
}

async function claim(handle: FileHandle, output: string, path: string): Promise<JournalFile | undefined> {
  const before = await read(handle);
  if (before.size > longest) {
    await rm(path, { force: true });
    return undefined;
  }
  const dead = new Set<string>();
  for (const owner of before.journal.owners) {
    if (await isAlive(owner, before.touchedAt)) throw inUse(output, owner);
    dead.add(owner.token);
  }
  const own = await thisOwner();
  // A torn line may stand at the end.
  await handle.appendFile(`\n${journalLine({ owner: own })}`);
  const { journal } = await read(handle);
  for (const owner of journal.owners) {
    if (owner.token === own.token) return journalFile(handle, path, own, journal);
    if (dead.has(owner.token) || !(await isAlive(owner, Date.now()))) continue;
    await handle.appendFile(journalLine({ released: own.token }));
    throw inUse(output, owner);
  }
  return undefined;
}

function journalFile(handle: FileHandle, path: string, own: Owner, found: Journal): JournalFile {
  const touch = (): void => void handle.utimes(new Date(), new Date()).catch(() => undefined);
  const heartbeat = setInterval(touch, heartbeatMs).unref();
  return {
    found,
    async append(lines) {
      await handle.appendFile(lines.map(journalLine).join(''));
      await handle.datasync();
    },
    isOurs: () => isNamed(handle, path),
    async close() {
      clearInterval(heartbeat);
      // On a full disk the process has to be gone before the next one may come.
      await handle.appendFile(journalLine({ released: own.token })).catch(() => undefined);
      await handle.close();
    },
    async remove() {
      clearInterval(heartbeat);
      if (await isNamed(handle, path)) await rm(path, { force: true });
      await handle.close();
    },
  };
}

interface Read {
  readonly journal: Journal;
  readonly size: number;
  readonly touchedAt: number;
}

async function read(handle: FileHandle): Promise<Read> {
  const { size, mtimeMs } = await handle.stat();
  const bytes = Buffer.alloc(Math.min(size, longest));
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return { journal: parseJournal(bytes.toString('utf8', 0, filled)), size, touchedAt: mtimeMs };
}

async function isAlive(owner: Owner, touchedAt: number): Promise<boolean> {
  if (owner.host !== hostname()) return Date.now() - touchedAt < quietMs;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if (!hasCode(error, 'EPERM')) return false;
  }
  return (await startOf(owner.pid)) === owner.started;
}

/** The start time of a process where the kernel tells it (Linux), else nothing. */
async function startOf(pid: number): Promise<string> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field, the command's name in parentheses, may hold anything; the start time is the 20th after it.
  return status.slice(status.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

/** Whether `path` still is the name of an open file. */
export async function isNamed(handle: FileHandle | undefined, path: string): Promise<boolean> {
  const [mine, named] = await Promise.all([handle?.stat(), stat(path).catch(() => undefined)]);
  return mine !== undefined && named !== undefined && named.ino === mine.ino && named.dev === mine.dev;
}

function inUse(output: string, { pid, host }: Owner): BundleError {
  const gone =
    host === hostname() ? '' : `; if it is gone, this build can continue ${quietMs / 60_000} minutes after its last sign of life`;
  return new BundleError('FILE_UNWRITABLE', `another process is writing ${output} (process ${pid} on ${host})`, {
    hint: `wait for it, or choose another output${gone}`,
  });
}
