import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { anyHelm } from '../helm/helms.ts';

const root = join(import.meta.dirname, '../..');
const main = join(root, 'src/main.ts');

/** Stripped and compiled sources of the CLI, which makes a start three times as fast. Node keys them by content. */
const compileCache = join(root, 'node_modules/.cache/node');

/** How one command line ended. */
export interface CliRun {
  readonly args: readonly string[];
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** Working directory; its `.home` is HOME and its `.tmp` is TMPDIR, so that nothing of the developer is seen or touched. */
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A file to write stdout to. Default: it is caught. */
  readonly stdout?: number;
  /** Program and arguments that start the CLI in their turn, such as `unshare`. */
  readonly wrapper?: readonly string[];
  /** Told of the child while it runs, to stop it. */
  readonly onStart?: (child: ChildProcess) => void;
}

const helm = anyHelm();

/** Starts the CLI from source, as a user would: a process of its own with an environment of its own. */
export async function startCli(
  args: readonly string[],
  { folder, env = {}, stdout, wrapper = [] }: CliOptions,
): Promise<ChildProcess> {
  const [home, temporary] = [join(folder, '.home'), join(folder, '.tmp')];
  await Promise.all([home, temporary].map((path) => mkdir(path, { recursive: true })));
  const own = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    TMPDIR: temporary,
    DIOLKOS_HELM: await helm,
    NODE_COMPILE_CACHE: compileCache,
  };
  const [program = '', ...rest] = [...wrapper, process.execPath, main, ...args];
  return spawn(program, rest, { cwd: folder, env: { ...own, ...env }, stdio: ['ignore', stdout ?? 'pipe', 'pipe'] });
}

/** Runs one command line to its end. With `DIOLKOS_SHOW` set, the test prints what a user would have read. */
export async function runCli(args: readonly string[], options: CliOptions): Promise<CliRun> {
  const child = await startCli(args, options);
  const texts = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      texts[stream] += text;
    });
  }
  options.onStart?.(child);
  const { promise, resolve, reject } = Promise.withResolvers<CliRun>();
  child.on('error', reject);
  child.on('close', (code, signal) => resolve({ args, code, signal, ...texts }));
  const run = await promise;
  if (process.env.DIOLKOS_SHOW !== undefined) process.stderr.write(transcript(run));
  return run;
}

/** What a failure has to say, and where. */
export interface Failure {
  /** In brackets at the end of the message. */
  readonly error: string;
  /** Default 1. */
  readonly exit?: number;
  /** All of it stands on stderr; the case of letters does not matter in texts. */
  readonly says?: readonly (string | RegExp)[];
}

/** The command failed as expected failures do: a code, words, no stack, no half of its data on stdout. */
export function assertFailed(run: CliRun, { error, exit = 1, says = [] }: Failure): void {
  const said = transcript(run);
  assert.equal(run.code, exit, said);
  assert.match(run.stderr, /^error: /m, said);
  assert.ok(run.stderr.includes(` [${error}]\n`), said);
  assert.doesNotMatch(run.stderr, /^\s+at .*:\d+|\[object |undefined|Warning:/m, said);
  assert.equal(run.stdout, '', said);
  for (const words of says) {
    const found = typeof words === 'string' ? run.stderr.toLowerCase().includes(words.toLowerCase()) : words.test(run.stderr);
    assert.ok(found, `does not say ${words}:\n${said}`);
  }
}

/** The command did what it should. Gives its stdout. */
export function assertDone(run: CliRun): string {
  assert.equal(run.code, 0, transcript(run));
  return run.stdout;
}

/** Nothing but these files lies in `folder`, and nothing in the temporary directory of its commands. */
export async function assertLeft(folder: string, files: readonly string[]): Promise<void> {
  const left = (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
  assert.deepEqual(left, [...files].sort());
  assert.deepEqual(await readdir(join(folder, '.tmp')).catch(() => []), []);
}

function transcript({ args, code, signal, stdout, stderr }: CliRun): string {
  return `$ diolkos ${args.join(' ')}\n${stdout}${stderr}-> ${code ?? signal}\n`;
}
