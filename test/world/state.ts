import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ProcessIdentity } from './liveness.ts';
import type { Tools } from './machine/tools.ts';

/** A registry and what a client needs to use it. */
export interface RegistryAccess {
  /** Host and port, as they stand in a reference. */
  readonly host: string;
  readonly caFile: string;
  /** A folder with `ca.crt` alone, for tools that take a folder. */
  readonly certDir: string;
  readonly username: string;
  readonly password: string;
  /** A folder with a `config.json` that holds the credentials, for `DOCKER_CONFIG`. */
  readonly dockerConfigDir: string;
  readonly logFile: string;
  /** The `rootdirectory` of its storage. */
  readonly dataDir: string;
}

/** All that a test process needs to find a running world; written as JSON to `<folder>/world.json`. */
export interface WorldState {
  readonly name: string;
  /** Everything the world keeps on disk. The same path inside and outside. */
  readonly folder: string;
  /** The process that started the world and whose end is the world's. */
  readonly owner: ProcessIdentity;
  /** PID 1 of the world. */
  readonly init: ProcessIdentity;
  readonly tools: Tools;
  readonly inside: RegistryAccess;
  readonly outside: RegistryAccess;
  /** Lets a process outside talk TLS to the API server. */
  readonly apiSocket: string;
  readonly apiCaFile: string;
  readonly adminToken: string;
  readonly kubeconfig: string;
  readonly carryDir: string;
}

/** The environment variable that names the state file of the world a test runs in. */
export const stateVariable = 'DIOLKOS_WORLD_STATE';

const worldsFolder = join(tmpdir(), 'diolkos-worlds');

/** Short, because the path of a Unix socket ends at 107 bytes. */
export function worldFolder(name: string): string {
  return join(worldsFolder, name);
}

/** One world for each checkout, unless `DIOLKOS_WORLD` names another. */
export function defaultWorldName(): string {
  const checkout = join(import.meta.dirname, '../..');
  return process.env.DIOLKOS_WORLD || createHash('sha256').update(checkout).digest('hex').slice(0, 6);
}

export function stateFile(name: string): string {
  return join(worldFolder(name), 'world.json');
}

export async function writeState(state: WorldState): Promise<void> {
  await writeWhole(stateFile(state.name), JSON.stringify(state, null, 2));
}

/** The state in a file that `writeState` wrote; undefined when there is none. */
export async function readState(file: string): Promise<WorldState | undefined> {
  return existsSync(file) ? JSON.parse(await readFile(file, 'utf8')) : undefined;
}

/** Lies beside the folder, so that it is there before the folder and goes after it. */
export function ownerFile(name: string): string {
  return `${worldFolder(name)}.owner`;
}

/** Records who is about to start a world, before anything of it runs. */
export async function writeOwner(name: string, owner: ProcessIdentity): Promise<void> {
  await writeWhole(ownerFile(name), JSON.stringify(owner));
}

export async function readOwner(name: string): Promise<ProcessIdentity | undefined> {
  const file = ownerFile(name);
  return existsSync(file) ? JSON.parse(await readFile(file, 'utf8')) : undefined;
}

async function writeWhole(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.partial`, content);
  await rename(`${path}.partial`, path);
}
