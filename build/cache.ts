/**
 * Finished things that are slow to make (programs, base images, production modules), kept between runs under
 * `${XDG_CACHE_HOME:-~/.cache}/diolkos/<name>-<hash of what defines it>/`.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** How many versions of one name stay: enough for a few branches. */
const KEPT = 4;
const DAY_MS = 24 * 60 * 60 * 1000;

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
  await mkdir(cacheRoot(), { recursive: true });
  const partial = await mkdtemp(`${folder}.partial-`);
  try {
    await chmod(partial, 0o755);
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

/** Removes what was not used for longest, and what a killed process left half made. */
async function dropOldest(name: string): Promise<void> {
  const entries = await Promise.all(
    (await readdir(cacheRoot())).map(async (entry) => {
      const folder = join(cacheRoot(), entry);
      const usedMs = (await stat(folder).catch(() => undefined))?.mtimeMs ?? Date.now();
      return { folder, usedMs, rest: entry.startsWith(`${name}-`) ? entry.slice(name.length + 1) : '' };
    }),
  );
  const whole = entries.filter(({ rest }) => /^[0-9a-f]{16}$/.test(rest)).sort((a, b) => b.usedMs - a.usedMs);
  const abandoned = entries.filter(({ rest, usedMs }) => /^[0-9a-f]{16}\.partial-/.test(rest) && Date.now() - usedMs > DAY_MS);
  for (const { folder } of [...whole.slice(KEPT), ...abandoned]) await rm(folder, { recursive: true, force: true });
}
