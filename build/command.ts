import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { text } from 'node:stream/consumers';

/** How a program ended. `code` is 128 + the signal's number when a signal ended it. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  /** Replaces the whole environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** Aborting kills the program with SIGKILL and rejects. */
  readonly signal?: AbortSignal;
}

/** The program ran and said no. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly result: CommandResult;

  constructor(command: readonly string[], result: CommandResult) {
    super(`${command.join(' ')} ended with ${result.code}: ${result.stdout}${result.stderr}`.trim());
    this.result = result;
  }
}

/** Runs a program to its end, whatever its exit code. Rejects only when it cannot be started or is aborted. */
export async function attempt(command: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [program = '', ...args] = command;
  const { cwd, env, signal, input } = options;
  const child = spawn(program, args, {
    stdio: 'pipe',
    killSignal: 'SIGKILL',
    ...(cwd !== undefined && { cwd }),
    ...(env !== undefined && { env }),
    ...(signal !== undefined && { signal }),
  });
  // A program may end without having read its input; how it ended says more than EPIPE.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, killedBy) => resolve(code ?? 128 + (killedBy === null ? 0 : constants.signals[killedBy])));
  });
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}

/** Runs a program that must succeed; rejects with CommandError when its exit code is not 0. */
export async function run(command: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const result = await attempt(command, options);
  if (result.code !== 0) throw new CommandError(command, result);
  return result;
}
