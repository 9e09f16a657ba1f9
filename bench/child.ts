import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';

/** A program that was started. */
export interface Child {
  readonly pid: number;
  /** Its exit code once it has ended, 128 + n after signal n. */
  readonly ended: Promise<number>;
  /** Kills it with all that it started, and waits. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Gets what the program prints. */
  readonly logFile: string;
  readonly signal: AbortSignal;
}

const alive = new Set<ChildProcess>();

// A child has a process group of its own, so that nothing it started survives it; hence a Ctrl-C reaches only us.
process.on('exit', () => {
  for (const child of alive) killGroup(child);
});

/** Starts a program, which is killed when `signal` aborts and when this process ends. */
export async function startChild([program = '', ...args]: readonly string[], options: ChildOptions): Promise<Child> {
  options.signal.throwIfAborted();
  const log = openSync(options.logFile, 'a');
  const child = spawn(program, args, { cwd: options.cwd, env: options.env, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  alive.add(child);
  const kill = () => killGroup(child);
  options.signal.addEventListener('abort', kill);
  const ended = new Promise<number>((resolve) => {
    child.on('exit', (code, killedBy) => {
      alive.delete(child);
      options.signal.removeEventListener('abort', kill);
      resolve(code ?? 128 + (killedBy === null ? 0 : constants.signals[killedBy]));
    });
  });
  await once(child, 'spawn').catch((error) => {
    alive.delete(child);
    throw error;
  });
  return {
    pid: child.pid ?? 0,
    ended,
    async stop() {
      kill();
      await ended;
    },
  };
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
