/** What Linux knows of processes. Times in ms, sizes in bytes. */

import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The kernel's tick, which is 10 ms on every Linux that Node runs on. */
const tickMs = 10;

/** CPU of a process, all its threads. 0 when it is gone. */
export function cpuOf(pid: number): number {
  const fields = statOf(pid);
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * tickMs;
}

/** CPU of all our children that have ended, with all of theirs that they waited for. */
export function cpuOfEndedChildren(): number {
  const fields = statOf(process.pid);
  return (Number(fields[13]) + Number(fields[14])) * tickMs;
}

/** CPU of the whole machine that was not idle. */
export function cpuOfMachine(): number {
  const [, user, nice, system, , , irq, softirq, steal] = (readOrNothing('/proc/stat').split('\n')[0] ?? '')
    .split(/ +/)
    .map(Number);
  return [user, nice, system, irq, softirq, steal].reduce<number>((sum, ticks) => sum + (ticks ?? 0), 0) * tickMs;
}

/**
 * Bytes that we and our ended children caused to be written to disks. A page that is changed again before the kernel has written it
 * counts once; memory file systems do not count.
 */
export function bytesWritten(): number {
  return Number(/^write_bytes: (\d+)/m.exec(readOrNothing('/proc/self/io'))?.[1] ?? 0);
}

/** The most memory that a process has had resident so far. 0 when it is gone. */
export function peakMemoryOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readOrNothing(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

/** Bytes that the files of a folder take on the disk. Files may vanish meanwhile. */
export function diskUse(folder: string): number {
  try {
    return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
      const path = join(folder, entry.name);
      return sum + (entry.isDirectory() ? diskUse(path) : (lstatSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512);
    }, 0);
  } catch {
    return 0;
  }
}

/** The fields of `/proc/<pid>/stat` after the name, which may hold anything. */
function statOf(pid: number): string[] {
  const stat = readOrNothing(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
