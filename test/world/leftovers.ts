import { readdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endCgroups, worldsWithCgroups } from './cgroups.ts';
import { isAlive } from './liveness.ts';
import { ownerFile, readOwner, readState, stateFile, worldFolder } from './state.ts';

/** Ends a world whole: its processes, cgroups and files. Mounts, links and rules end with its namespaces. */
export async function endWorld(name: string): Promise<void> {
  const state = await readState(stateFile(name));
  await endCgroups(name);
  // The kernel takes its time to end a namespace after the last process has left the cgroup.
  while (state !== undefined && (await isAlive(state.init))) await sleep(20);
  await rm(worldFolder(name), { recursive: true, force: true });
  await rm(ownerFile(name), { force: true });
}

/**
 * Ends every world whose owner is gone, as after a crash. Throws when the world called `name` is in use: ending it would
 * break somebody's run.
 */
export async function endLeftovers(name: string): Promise<void> {
  for (const world of new Set([...(await worldsWithCgroups()), ...(await worldsWithFiles()), name])) {
    const owner = await readOwner(world);
    const inUse = owner !== undefined && (await isAlive(owner));
    if (!inUse) await endWorld(world);
    else if (world === name)
      throw new Error(`the world "${name}" belongs to process ${owner.pid}; end that, or set DIOLKOS_WORLD`);
  }
}

async function worldsWithFiles(): Promise<string[]> {
  const entries = await readdir(dirname(worldFolder('-'))).catch(() => []);
  return entries.map((entry) => entry.replace(/\.owner(\.partial)?$/, ''));
}
