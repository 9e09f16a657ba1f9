import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchOptions } from './options.ts';

/** Where a run takes place. Everything lies in two folders that are removed at its end. */
export interface Arena {
  /** Archives, HOME and TMPDIR of every contestant, on the disk that is measured. */
  readonly scratch: string;
  /** The registries' blobs. */
  readonly registryStorage: string;
  readonly storageInMemory: boolean;
  remove(): Promise<void>;
}

const memory = '/dev/shm';

export async function openArena({ scratch, registryStorage }: Pick<BenchOptions, 'scratch' | 'registryStorage'>): Promise<Arena> {
  const folder = await mkdtemp(join(scratch ?? tmpdir(), 'diolkos-bench-'));
  const storage = registryStorage ?? (existsSync(memory) ? memory : folder);
  const registries = await mkdtemp(join(storage, 'diolkos-bench-'));
  return {
    scratch: folder,
    registryStorage: registries,
    storageInMemory: registries.startsWith(`${memory}/`),
    async remove() {
      for (const path of [folder, registries]) await rm(path, { recursive: true, force: true });
    },
  };
}

/** An empty folder for one stage, with HOME and every place for temporary files inside it. What `kept` names stays from before. */
export async function stageFolder(
  arena: Arena,
  name: string,
): Promise<{ readonly folder: string; readonly env: Record<string, string> }> {
  const folder = join(arena.scratch, name);
  const own = join(folder, 'own');
  await rm(own, { recursive: true, force: true });
  for (const path of ['home', 'tmp', 'run']) await mkdir(join(own, path), { recursive: true });
  const xdg = {
    XDG_CONFIG_HOME: 'home/config',
    XDG_CACHE_HOME: 'home/cache',
    XDG_DATA_HOME: 'home/data',
    XDG_RUNTIME_DIR: 'run',
  };
  const places = Object.entries({ HOME: 'home', TMPDIR: 'tmp', ...xdg }).map(([variable, path]) => [variable, join(own, path)]);
  return { folder, env: { PATH: '/usr/local/bin:/usr/bin:/bin', ...Object.fromEntries(places) } };
}
