/**
 * A world lives in a cgroup of its own, in every hierarchy the machine has (version 1, 2, or both at once), so that it
 * can be ended whole without knowing any of its processes.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const family = 'diolkos-world';

/** The path of a world's cgroup below the mount point of each hierarchy. */
export function cgroupPath(world: string): string {
  return `/${family}/${world}`;
}

/** Makes the cgroup of a world and the one its kubelet puts pods into. Returns the `cgroup.procs` files to join. */
export async function createCgroups(world: string, kubeletGroup: string): Promise<string[]> {
  const joined: string[] = [];
  for (const { mountPoint, version } of await hierarchies()) {
    const group = join(mountPoint, cgroupPath(world));
    const programs = join(group, 'programs');
    for (const folder of [dirname(group), group, programs, join(group, kubeletGroup)]) {
      await mkdir(folder, { recursive: true });
      await (version === 2 ? delegateControllers(dirname(folder)) : inheritCpuset(folder));
    }
    joined.push(join(programs, 'cgroup.procs'));
  }
  return joined;
}

/** Kills every process of a world's cgroup and removes it. Does nothing when there is none. */
export async function endCgroups(world: string): Promise<void> {
  for (const { mountPoint } of await hierarchies()) {
    const group = join(mountPoint, cgroupPath(world));
    for (let round = 0; existsSync(group); round += 1) {
      const left = await killAll(group);
      if (left === 0 && (await removeTree(group))) break;
      if (round > 200) throw new Error(`${group} does not empty: ${left} processes left`);
      await sleep(25);
    }
  }
}

/** The worlds that have a cgroup, living or dead. */
export async function worldsWithCgroups(): Promise<string[]> {
  const names = new Set<string>();
  for (const { mountPoint } of await hierarchies()) {
    for (const group of await subgroups(join(mountPoint, family))) names.add(group.slice(group.lastIndexOf('/') + 1));
  }
  return [...names];
}

interface Hierarchy {
  readonly mountPoint: string;
  readonly version: 1 | 2;
}

async function hierarchies(): Promise<Hierarchy[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  return lines.flatMap((line) => {
    const [fields = '', type = ''] = line.split(' - ');
    const mountPoint = fields.split(' ')[4];
    if (mountPoint === undefined || !/^cgroup2? /.test(type)) return [];
    return [{ mountPoint, version: type.startsWith('cgroup2') ? 2 : 1 } satisfies Hierarchy];
  });
}

/** A cpuset starts out empty, and nothing can join it until it has processors and memory. */
async function inheritCpuset(folder: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const path = join(folder, file);
    if (!existsSync(path) || (await readFile(path, 'utf8')).trim() !== '') continue;
    await writeFile(path, await readFile(join(dirname(folder), file), 'utf8'));
  }
}

/** In version 2 a group's children have only the controllers that it hands down. */
async function delegateControllers(parent: string): Promise<void> {
  const available = await readFile(join(parent, 'cgroup.controllers'), 'utf8').catch(() => '');
  const wanted = available
    .trim()
    .split(' ')
    .filter((name) => name !== '')
    .map((name) => `+${name}`);
  if (wanted.length > 0) await writeFile(join(parent, 'cgroup.subtree_control'), wanted.join(' '));
}

async function killAll(group: string): Promise<number> {
  const ids = (await readFile(join(group, 'cgroup.procs'), 'utf8').catch(() => '')).split('\n').filter((id) => id !== '');
  for (const id of ids) killQuietly(Number(id));
  let count = ids.length;
  for (const child of await subgroups(group)) count += await killAll(child);
  return count;
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended on its own in the meantime.
  }
}

async function removeTree(group: string): Promise<boolean> {
  for (const child of await subgroups(group)) await removeTree(child);
  return await rmdir(group).then(
    () => true,
    () => !existsSync(group),
  );
}

async function subgroups(group: string): Promise<string[]> {
  const entries = await readdir(group, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(group, entry.name));
}
