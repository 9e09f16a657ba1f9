import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A program of the world that runs on until the world ends. */
export interface Daemon {
  readonly name: string;
  readonly logFile: string;
  /** Resolves, with a sentence, when the program ends. */
  readonly ended: Promise<string>;
}

export interface LaunchOptions {
  readonly logDir: string;
  /** The `cgroup.procs` files to join, one for each hierarchy. */
  readonly cgroupProcs: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** Joins cgroups, then becomes the program: `sh -c … sh <procs file>… -- <program> <argument>…`. */
const joinThenExec = 'while [ "$1" != -- ]; do echo $$ >"$1"; shift; done; shift; exec "$@"';

/** Starts a program that dies with this process, its output in `<logDir>/<name>.log`. */
export function startDaemon(name: string, command: readonly string[], options: LaunchOptions): Daemon {
  const logFile = join(options.logDir, `${name}.log`);
  const log = openSync(logFile, 'a');
  const tied = ['setpriv', '--pdeathsig', 'KILL', '--', ...command];
  const child = spawn('sh', ['-c', joinThenExec, 'sh', ...options.cgroupProcs, '--', ...tied], {
    stdio: ['ignore', log, log],
    detached: true, // Ctrl-C is for the tests; the world is stopped in its own order
    env: options.env,
  });
  closeSync(log);
  child.unref();
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(`${name} did not start: ${error.message}`));
    child.on('exit', (code, signal) => resolve(`${name} ended with ${signal ?? code}`));
  });
  return { name, logFile, ended };
}

export interface PollOptions {
  /** What is waited for, as a noun. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Asks until there is an answer. Gives up early, with the log, when one of the programs ends. */
export async function poll<T>(
  ask: () => Promise<T | undefined> | T | undefined,
  daemons: readonly Daemon[],
  options: PollOptions,
): Promise<T> {
  let verdict: string | undefined;
  for (const daemon of daemons) daemon.ended.then((end) => (verdict ??= `${end}\n${tail(daemon.logFile)}`));
  const deadline = Date.now() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (verdict === undefined && Date.now() > deadline) verdict = `no answer in ${options.timeoutMs} ms\n${tails(daemons)}`;
    if (verdict !== undefined) throw new Error(`waiting for ${options.what}: ${verdict}`);
    await sleep(50);
  }
}

function tails(daemons: readonly Daemon[]): string {
  return daemons.map(({ name, logFile }) => `--- ${name}\n${tail(logFile)}`).join('\n');
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
}
