/**
 * Finished things that are slow to make (programs, base images, production modules), kept between runs under
 * `${XDG_CACHE_HOME:-~/.cache}/diolkos/<name>-<hash of what defines it>/`.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** How many versions of one name stay: enough for a few branches. */
const KEPT = 4;

export function cacheRoot(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'diolkos');
}

/** The folder that holds `name` made from `inputs`, whether it is there or not. */
export function cacheFolder(name: string, inputs: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const input of inputs) hash.update(`${input.length}:`).update(input);
  return join(cacheRoot(), `${name}-${hash.digest('hex').slice(0, 16)}`);
}

/**
 * The folder that holds `name` made from `inputs`. When it is not there yet, `make` fills an empty folder, which
 * gets its name only once `make` is through: a folder found is whole.
 */
export async function cached(
  name: string,
  inputs: readonly (string | Uint8Array)[],
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = cacheFolder(name, inputs);
  if (existsSync(folder)) {
    await utimes(folder, new Date(), new Date());
    return folder;
  }
  const partial = `${folder}.${process.pid}.partial`;
  try {
    await mkdir(partial, { recursive: true });
    await make(partial);
    await rename(partial, folder).catch((error) => {
      if (!existsSync(folder)) throw error; // else another process was as quick with the same
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  await dropOldest(name);
  return folder;
}

async function dropOldest(name: string): Promise<void> {
  const versions = (await readdir(cacheRoot())).filter(
    (entry) => entry.startsWith(`${name}-`) && /^[0-9a-f]{16}$/.test(entry.slice(name.length + 1)),
  );
  const folders = versions.map((entry) => join(cacheRoot(), entry));
  const aged = await Promise.all(folders.map(async (folder) => ({ folder, usedMs: (await stat(folder)).mtimeMs })));
  const old = aged.sort((a, b) => b.usedMs - a.usedMs).slice(KEPT);
  for (const { folder } of old) await rm(folder, { recursive: true, force: true });
}
