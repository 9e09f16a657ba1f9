import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { BundleError } from '../bundle-spec/bundle-error.ts';

/** The oldest minor of each major that is known to render and install as we rely on (`docs/decisions`). */
const oldestMinors: Readonly<Record<number, number>> = { 3: 21, 4: 2 };

export interface RunOptions {
  readonly signal: AbortSignal;
  /** What helm reads on stdin. Default nothing. */
  readonly input?: string | Buffer;
  /** Called with every line as it comes, without its end; what was called is in the result too. */
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /**
   * Milliseconds between SIGTERM and SIGKILL on abort. Default none: an install needs its time to record how far it came. A render does not
   * hear SIGTERM before it is through.
   */
  readonly graceMs?: number;
  /** Variables beside the private ones, such as KUBECONFIG or KUBERNETES_SERVICE_HOST. Default none: no cluster is known. */
  readonly env?: Readonly<Record<string, string>>;
}

/** How a run of helm ended. `exitCode` is 128 + n after signal n. */
export interface HelmResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A helm program of a supported version. */
export interface Helm {
  readonly path: string;
  readonly major: 3 | 4;
  /** Without `v`: `4.2.3`. */
  readonly version: string;
  /**
   * Runs helm with `args`, no shell, and an environment of its own: no plugins, repositories, registry logins or kubeconfig of the user. An
   * exit code other than 0 is a result, not an error. On abort helm gets SIGTERM, and the reason is thrown once it has stopped.
   * Throws HELM_MISSING when the program cannot be started.
   */
  run(args: readonly string[], options: RunOptions): Promise<HelmResult>;
}

/**
 * The helm that `DIOLKOS_HELM` names, else the first on the PATH. Throws HELM_MISSING when there is none, or when its version is
 * not supported (3.21 and newer, 4.2 and newer).
 */
export async function findHelm(options: { readonly signal: AbortSignal }): Promise<Helm> {
  // A script may clear the variable by setting it to nothing.
  const path = process.env.DIOLKOS_HELM || (await firstOnPath('helm'));
  if (path === undefined)
    throw new BundleError('HELM_MISSING', 'there is no helm on the PATH', {
      hint: 'install Helm 4.2 or newer (or 3.21 or newer), or point DIOLKOS_HELM at one',
    });
  return openHelm(path, options);
}

/** The helm at `path`. Throws HELM_MISSING as `findHelm` does. */
export async function openHelm(path: string, options: { readonly signal: AbortSignal }): Promise<Helm> {
  const { stdout } = await runHelm(path, ['version', '--template', '{{.Version}}'], options);
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(stdout.trim()) ?? [];
  const oldest = oldestMinors[Number(major)];
  if (oldest === undefined || Number(minor) < oldest)
    throw new BundleError('HELM_MISSING', `${path} is helm ${stdout.trim() || 'of an unknown version'}, which is not supported`, {
      hint: 'install Helm 4.2 or newer (or 3.21 or newer), or point DIOLKOS_HELM at one',
    });
  return {
    path,
    major: Number(major) as 3 | 4,
    version: stdout.trim().replace(/^v/, ''),
    run: (args, runOptions) => runHelm(path, args, runOptions),
  };
}

async function firstOnPath(name: string): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? '').split(delimiter).filter((entry) => entry !== '')) {
    const path = join(folder, name);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

async function runHelm(path: string, args: readonly string[], options: RunOptions): Promise<HelmResult> {
  options.signal.throwIfAborted();
  const home = await mkdtemp(join(tmpdir(), 'diolkos-helm-'));
  try {
    return await runChild(path, args, { ...options, env: { ...privateEnvironment(home), ...options.env } });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function privateEnvironment(home: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    TMPDIR: tmpdir(),
    HOME: home,
    KUBECONFIG: join(home, 'no-kubeconfig'),
    HELM_CACHE_HOME: join(home, 'cache'),
    HELM_CONFIG_HOME: join(home, 'config'),
    HELM_DATA_HOME: join(home, 'data'),
    HELM_PLUGINS: join(home, 'plugins'),
  };
}

function runChild(path: string, args: readonly string[], options: RunOptions): Promise<HelmResult> {
  const { promise, resolve, reject } = Promise.withResolvers<HelmResult>();
  const child = spawn(path, args, { env: { ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] });
  let kill: NodeJS.Timeout | undefined;
  const stop = (): void => {
    child.kill('SIGTERM');
    if (options.graceMs !== undefined) kill = setTimeout(() => child.kill('SIGKILL'), options.graceMs);
  };
  options.signal.addEventListener('abort', stop, { once: true });
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].on('data', (chunk: Buffer) => chunks[stream].push(chunk));
    if (options.onLine !== undefined) {
      const { onLine } = options;
      createInterface({ input: child[stream], crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => onLine(line, stream));
    }
  }
  child.on('error', (cause) => {
    options.signal.removeEventListener('abort', stop);
    const hint = 'install Helm 4.2 or newer (or 3.21 or newer), or point DIOLKOS_HELM at one';
    const reason = 'code' in cause && cause.code === 'ENOENT' ? `there is no ${path}` : cause.message;
    reject(new BundleError('HELM_MISSING', `helm cannot be started: ${reason}`, { hint, cause }));
  });
  child.on('close', (code, signal) => {
    clearTimeout(kill);
    options.signal.removeEventListener('abort', stop);
    const text = (stream: 'stdout' | 'stderr'): string => Buffer.concat(chunks[stream]).toString('utf8');
    if (options.signal.aborted) reject(options.signal.reason);
    else resolve({ exitCode: exitCodeOf(code, signal), stdout: text('stdout'), stderr: text('stderr') });
  });
  // helm may stop before it has read everything; its exit code tells.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  return promise;
}

function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  if (code !== null) return code;
  return 128 + (signal === 'SIGKILL' ? 9 : signal === 'SIGTERM' ? 15 : signal === 'SIGINT' ? 2 : 1);
}
