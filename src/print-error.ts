import { CommanderError } from 'commander';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { version } from './version.ts';

/** The exit code for what a command threw: 1 failed, 64 bad usage, 70 a bug, 130 interrupted; 0 for `--help` and `--version`. */
export function exitCodeOf(error: unknown, signal: AbortSignal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 64;
  if (signal.aborted) return 130;
  if (error instanceof BundleError) return error.code === 'USAGE_INVALID' ? 64 : 1;
  return 70;
}

/** Prints what a command threw, on stderr: an expected failure in two lines, a bug with its stack. */
export function printError(error: unknown, signal: AbortSignal): void {
  if (error instanceof CommanderError) return; // commander has printed it
  process.stderr.write(signal.aborted ? interrupted(signal) : described(error));
}

function interrupted(signal: AbortSignal): string {
  const why = signal.reason instanceof Error ? signal.reason.message : 'stopped';
  return `error: ${why}; nothing that looks whole is half-done [INTERRUPTED]\nhint:  run the same command again\n`;
}

function described(error: unknown): string {
  if (!(error instanceof BundleError))
    return `error: this is a bug in diolkos ${version}; please report it with these lines:\n${bugDetails(error)}\n`;
  const hint = error.hint === undefined ? '' : `hint:  ${error.hint}\n`;
  return `error: ${error.message} [${error.code}]\n${hint}`;
}

function bugDetails(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
