import { readFile } from 'node:fs/promises';

/** A process as it can be recognised later: ids come again, an id with its start time does not. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot: field 22 of `/proc/<pid>/stat`. */
  readonly startTime: string;
}

/** Throws when there is no such process. */
export async function identify(pid: number): Promise<ProcessIdentity> {
  return { pid, startTime: startTimeIn(await readFile(`/proc/${pid}/stat`, 'utf8')) };
}

export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const stat = await readFile(`/proc/${identity.pid}/stat`, 'utf8').catch(() => undefined);
  return stat !== undefined && startTimeIn(stat) === identity.startTime && !/\) Z /.test(stat);
}

/** Kills the process unless its id belongs to another one by now. */
export async function killIfAlive(identity: ProcessIdentity): Promise<void> {
  if (await isAlive(identity)) process.kill(identity.pid, 'SIGKILL');
}

/** The program's name, field 2, may hold spaces and brackets: count from the last bracket. */
function startTimeIn(stat: string): string {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
