import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Writes a small file, whole or not at all, also when the power fails right after. What had its name is replaced. */
export async function writeDurably(path: string, text: string): Promise<void> {
  // Two may be written at the same time, each by its own process.
  const partial = `${path}.${process.pid}.partial`;
  try {
    const handle = await open(partial, 'w', 0o644);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
  }
  await syncDirectory(dirname(path));
}

/** Makes a rename durable. Not every file system lets a directory be synced; then there is nothing to do. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => undefined);
  if (directory === undefined) return;
  await directory.sync().catch(() => undefined);
  await directory.close();
}
