import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeAddress, serviceNetwork } from './addresses.ts';
import { type LaunchOptions, poll, startDaemon } from './daemons.ts';
import { identify, type ProcessIdentity } from './liveness.ts';

const namespaces = ['--net', '--mount', '--pid', '--ipc', '--uts'];

/** Starts PID 1 of a world in fresh namespaces and waits until its mounts and its bridge are there. */
export async function startInit(folder: string, options: LaunchOptions): Promise<ProcessIdentity> {
  const init = [join(import.meta.dirname, 'init.sh'), folder, `${nodeAddress}/24`, serviceNetwork];
  const daemon = startDaemon('init', ['unshare', ...namespaces, '--fork', '--kill-child', '--', ...init], options);
  const pid = await poll(() => readPid(join(folder, 'init.pid')), [daemon], { what: 'the namespaces', timeoutMs: 10_000 });
  return await identify(pid);
}

/** The words to put before a command so that it runs inside; it dies with the `nsenter` that starts it. */
export function entering(init: ProcessIdentity, workingDir: string): string[] {
  const enter = ['nsenter', '--target', String(init.pid), ...namespaces, `--wd=${workingDir}`, '--'];
  return [...enter, 'setpriv', '--pdeathsig', 'KILL', '--'];
}

function readPid(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
