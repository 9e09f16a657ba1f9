import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { User } from './memory-auth.ts';
import { startMemoryRegistry } from './memory-registry.ts';
import { sharedGitea } from './start-gitea.ts';

/**
 * `memory`: ours, in this process. `distribution2`: Debian's docker-registry. `distribution3`, `crane` and `gitea`: built from their Go
 * modules into the cache that the world uses. `zot`: no module to be had, so `DIOLKOS_TOOL_ZOT` names a binary.
 */
export type RegistryKind = 'memory' | 'distribution2' | 'distribution3' | 'crane' | 'gitea' | 'zot';

export interface RunningRegistry {
  readonly kind: RegistryKind;
  readonly host: string;
  readonly plainHttp: boolean;
  /** PEM. */
  readonly ca?: string;
  readonly user?: User;
  /** Every repository has to lie below it. Empty, but for `gitea`: `<user>/<folder>/`. */
  readonly prefix: string;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly tls?: boolean;
  /** Demand the one user there is, `testUser`, by Basic. `gitea` always does, by Bearer. */
  readonly users?: boolean;
  /** `distribution3`: take an index of which platforms are absent, and delete manifests. */
  readonly sparse?: boolean;
}

const allKinds: readonly RegistryKind[] = ['memory', 'distribution2', 'distribution3', 'crane', 'gitea', 'zot'];

/** The registries to test against: those of `REGISTRIES` (comma-separated), by default the one that needs nothing. */
export const registryKinds: readonly RegistryKind[] = (process.env.REGISTRIES ?? 'memory').split(',').map((name) => {
  const kind = allKinds.find((known) => known === name.trim());
  if (kind === undefined) throw new Error(`REGISTRIES names "${name}"; there are ${allKinds.join(', ')}`);
  return kind;
});

/** `crane registry serve` knows neither TLS nor users. */
export const securedKinds: readonly RegistryKind[] = registryKinds.filter((kind) => kind !== 'crane');

export const testUser: User = { username: 'porter', password: 'carry-it-over' };

/** `htpasswd -B` of `testUser`. */
const testUserHash = '$2b$05$abcdefghijklmnopqrstuuXP6P0FxXCQVN6WEInGjquRGvyjFM7GK';

const certificates = join(import.meta.dirname, 'certificates');

const tlsFiles = { certificate: join(certificates, 'server.pem'), key: join(certificates, 'server-key.pem') };

/** Starts an empty registry on a free port of the loopback; it is stopped when the test ends. */
export async function startRegistry(kind: RegistryKind, t: TestContext, options: StartOptions = {}): Promise<RunningRegistry> {
  const registry = await (kind === 'memory' ? startMemory(options) : startProgram(kind, options));
  t.after(() => registry.stop());
  return registry;
}

async function startMemory({ tls = false, users = false }: StartOptions): Promise<RunningRegistry> {
  const { host, ca, stop } = await startMemoryRegistry({ tls, ...(users ? { user: testUser } : {}) });
  return {
    kind: 'memory',
    host,
    plainHttp: !tls,
    ...(ca === undefined ? {} : { ca }),
    ...(users ? { user: testUser } : {}),
    prefix: '',
    stop,
  };
}

async function startProgram(kind: Exclude<RegistryKind, 'memory'>, options: StartOptions): Promise<RunningRegistry> {
  const { tls = false } = options;
  const users = kind === 'gitea' || options.users === true;
  const { port, prefix, stop } = await (kind === 'gitea' ? startGitea(tls) : startServer(kind, options));
  return {
    kind,
    host: `127.0.0.1:${port}`,
    plainHttp: !tls,
    ...(tls ? { ca: await readFile(join(certificates, 'ca.pem'), 'utf8') } : {}),
    ...(users ? { user: testUser } : {}),
    prefix,
    stop,
  };
}

type Started = Pick<RunningRegistry, 'prefix' | 'stop'> & { readonly port: number };

/** A part of the one there is that nobody has used. */
async function startGitea(tls: boolean): Promise<Started> {
  const port = await sharedGitea({ owner: testUser, tls: tls ? tlsFiles : undefined });
  return { port, prefix: `${testUser.username}/${randomBytes(4).toString('hex')}/`, stop: async () => undefined };
}

async function end(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await rm(folder, { recursive: true, force: true });
}

async function startServer(kind: Exclude<RegistryKind, 'memory' | 'gitea'>, options: StartOptions): Promise<Started> {
  const folder = await mkdtemp(join(tmpdir(), `diolkos-${kind}-`));
  const command =
    kind === 'crane' ? await craneCommand() : [await programOf(kind), 'serve', await writeConfig(kind, folder, options)];
  const [program = '', ...args] = command;
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const port = await portOf(kind, child.stdout, child.stderr, once(child, 'exit')).catch(async (error) => {
    await end(child, folder);
    throw error;
  });
  return { port, prefix: '', stop: () => end(child, folder) };
}

async function programOf(kind: 'distribution2' | 'distribution3' | 'zot'): Promise<string> {
  if (kind === 'zot') return process.env.DIOLKOS_TOOL_ZOT ?? Promise.reject(new Error('DIOLKOS_TOOL_ZOT has to name a zot'));
  if (kind === 'distribution2') return process.env.DIOLKOS_TOOL_DISTRIBUTION2 ?? 'docker-registry';
  return process.env.DIOLKOS_TOOL_DISTRIBUTION3 ?? (await import('../world/machine/tools.ts')).makers.registry({});
}

async function craneCommand(): Promise<string[]> {
  const crane = process.env.DIOLKOS_TOOL_CRANE ?? (await (await import('../world/machine/tools.ts')).makers.crane({}));
  return [crane, 'registry', 'serve', '--address', '127.0.0.1:0'];
}

async function writeConfig(
  kind: 'distribution2' | 'distribution3' | 'zot',
  folder: string,
  options: StartOptions,
): Promise<string> {
  await writeFile(join(folder, 'htpasswd'), `${testUser.username}:${testUserHash}\n`);
  const file = join(folder, kind === 'zot' ? 'config.json' : 'config.yml');
  const config = kind === 'zot' ? zotConfig(folder, options) : distributionConfig(folder, options);
  await writeFile(file, JSON.stringify(config)); // JSON is YAML
  return file;
}

function distributionConfig(folder: string, { tls = false, users = false, sparse = false }: StartOptions): object {
  const storage = { filesystem: { rootdirectory: join(folder, 'data') }, ...(sparse ? { delete: { enabled: true } } : {}) };
  return {
    version: 0.1,
    log: { level: 'info', formatter: 'text' },
    storage,
    ...(sparse ? { validation: { manifests: { indexes: { platforms: 'none' } } } } : {}),
    ...(users ? { auth: { htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } } } : {}),
    http: { addr: '127.0.0.1:0', ...(tls ? { tls: tlsFiles } : {}) },
  };
}

/** Docker's media types are taken on demand only. */
function zotConfig(folder: string, { tls = false, users = false }: StartOptions): object {
  const http = {
    address: '127.0.0.1',
    port: '0',
    compat: ['docker2s2'],
    ...(tls ? { tls: { cert: tlsFiles.certificate, key: tlsFiles.key } } : {}),
    ...(users ? { auth: { htpasswd: { path: join(folder, 'htpasswd') } } } : {}),
  };
  return { distSpecVersion: '1.1.1', storage: { rootDirectory: join(folder, 'data'), gc: false }, http, log: { level: 'info' } };
}

/** Waits until the program says where it listens. Its output is read on, lest it block. */
async function portOf(
  kind: RegistryKind,
  stdout: NodeJS.ReadableStream,
  stderr: NodeJS.ReadableStream,
  exited: Promise<unknown>,
): Promise<number> {
  let output = '';
  const listening = new Promise<number>((resolve) => {
    const read = (text: Buffer) => {
      if (output.length > 64 << 10) return;
      output += text;
      const port =
        /listening on [^ "]*:(\d+)|serving on (?:port |http:\S*:)(\d+)|listening on kernel chosen port","port":(\d+)/.exec(
          output,
        );
      if (port !== null) resolve(Number(port[1] ?? port[2] ?? port[3]));
    };
    stdout.on('data', read);
    stderr.on('data', read);
  });
  const failed = exited.then(() => Promise.reject(new Error(`${kind} did not start:\n${output}`)));
  failed.catch(() => undefined); // it ends some time later, and then nobody waits for it
  return Promise.race([listening, failed]);
}
