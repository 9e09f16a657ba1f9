import { availableParallelism } from 'node:os';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import type { Extent } from '../extent.ts';
import { endsEarly, type Task } from './messages.ts';
import { type TaskOptions, TransferThread } from './thread.ts';

/** More threads than this would cost more memory than they bring. */
const mostThreads = 8;

/**
 * Threads that read, hash and write bytes by file descriptor, away from the thread that plans. A descriptor must stay open until the
 * promise is settled.
 */
export interface Transfers {
  /** Tasks that run at the same time without one waiting for another. */
  readonly threads: number;

  /** The sha256 of bytes on a disk. Throws BUNDLE_INVALID when a file ends before its extent. */
  hash(extents: readonly Extent[], options: TaskOptions): Promise<Digest>;

  /** As `hash`, of each range. */
  hashEach(ranges: readonly (readonly Extent[])[], options: TaskOptions): Promise<readonly Digest[]>;

  /** Writes bytes of a disk to each of the places, and gives their sha256. Throws as `hash`, and what the disk says. */
  copy(extents: readonly Extent[], places: readonly (readonly Extent[])[], options: TaskOptions): Promise<Digest>;

  /** The thread with the least to do. What a thread knows of a blob stays with it. */
  idlest(): TransferThread;

  /** Ends the threads; what is under way fails. */
  close(): Promise<void>;
}

/** Starts nothing yet: a thread begins with its first task. `threads`: by default as many as there are cores, at most 8. */
export function openTransfers(options: { readonly threads?: number } = {}): Transfers {
  const { threads = Math.min(availableParallelism(), mostThreads) } = options;
  const pool = Array.from({ length: threads }, () => new TransferThread());
  const idlest = () => pool.reduce((best, thread) => (thread.load < best.load ? thread : best));
  return {
    threads,
    idlest,
    hash: (extents, options) => diskTask(idlest(), { do: 'hash', extents }, options),
    hashEach: (ranges, options) => diskTask(idlest(), { do: 'hashEach', ranges }, options),
    copy: (extents, places, options) => diskTask(idlest(), { do: 'copy', extents, places }, options),
    close: async () => void (await Promise.all(pool.map((thread) => thread.close()))),
  };
}

async function diskTask<T>(thread: TransferThread, task: Task, options: TaskOptions): Promise<T> {
  try {
    return (await thread.run(task, options)) as T;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === endsEarly)) throw error;
    throw new BundleError('BUNDLE_INVALID', `${error.message}, in the middle of what it should hold`, {
      hint: 'copy it again from where it was made',
    });
  }
}
