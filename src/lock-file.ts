import { basename, dirname, extname, join } from 'node:path';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Lock } from '../bundle-spec/lock.ts';
import { readLock } from '../bundle-spec/read-bundle.ts';
import { writeLock } from '../bundle-spec/write-lock.ts';
import { writeDurably } from '../images/output/durable-file.ts';

/** The lock beside a spec: `bundle.yaml` has `bundle.lock.yaml`. */
export function lockFileOf(specFile: string): string {
  return join(dirname(specFile), `${basename(specFile, extname(specFile))}.lock.yaml`);
}

/** Reads the lock that `--locked` builds from. Throws LOCK_INVALID, FILE_UNREADABLE. */
export async function loadLock(file: string, options: { readonly signal: AbortSignal }): Promise<Lock> {
  try {
    return await readLock(file, options);
  } catch (error) {
    if (!(error instanceof BundleError) || error.code !== 'FILE_UNREADABLE') throw error;
    throw new BundleError(error.code, error.message, { hint: 'build once without --locked, which writes it', cause: error });
  }
}

/** Writes the lock, whole or not at all. Throws FILE_UNWRITABLE. */
export async function saveLock(file: string, lock: Lock): Promise<void> {
  try {
    await writeDurably(file, writeLock(lock));
  } catch (cause) {
    throw new BundleError('FILE_UNWRITABLE', `the lock ${file} cannot be written`, {
      hint: 'the bundle itself is whole; give this user the right to write beside the spec and build again',
      cause,
    });
  }
}
