import { open, readFile } from 'node:fs/promises';
import { startChild } from './child.ts';
import { bytesWritten, cpuOf, cpuOfEndedChildren, cpuOfMachine, diskUse, peakMemoryOf } from './proc.ts';

/** What one stage of one tool took. */
export interface Figures {
  /** From the start of the first process until the archives are on the disk. */
  readonly wallMs: number;
  /** Of the tool's processes and all they started; the registries' apart. */
  readonly cpuMs: number;
  readonly registryCpuMs: number;
  /** Cores that were busy with something else meanwhile: other programs, the kernel's own threads. */
  readonly foreignCores: number;
  readonly writtenBytes: number;
  /** Most memory of the tool's own process; what it starts (helm) apart. */
  readonly peakMemoryBytes: number;
  /** Most disk of its folder, archives and temporary files together. */
  readonly peakDiskBytes: number;
}

/** A stage: programs run one after the other, and files that count as written once they are on the disk. */
export interface Stage {
  readonly commands: readonly (readonly string[])[];
  readonly archives: readonly string[];
}

export interface MeasureOptions {
  readonly env: Readonly<Record<string, string>>;
  /** Where the tool works and keeps its temporary files. */
  readonly folder: string;
  readonly logFile: string;
  /** Processes of the registries that serve meanwhile. */
  readonly servers: readonly number[];
  readonly signal: AbortSignal;
}

/** How often disk and memory are looked at. The peak of memory is the kernel's own and cannot be missed by much. */
const sampleMs = 50;

/** Runs a stage and says what it took. Throws with the log's last lines when a program fails. */
export async function measure(stage: Stage, options: MeasureOptions): Promise<Figures> {
  const peaks = { memory: 0, disk: 0, pid: 0 };
  const sample = () => {
    peaks.memory = Math.max(peaks.memory, peakMemoryOf(peaks.pid));
    peaks.disk = Math.max(peaks.disk, diskUse(options.folder));
  };
  const before = counters(options.servers);
  const timer = setInterval(sample, sampleMs);
  try {
    for (const command of stage.commands) await runOne(command, options, peaks);
    for (const file of stage.archives) await syncFile(file);
  } finally {
    clearInterval(timer);
  }
  const after = counters(options.servers);
  sample();
  const [wallMs, cpuMs] = [after.wall - before.wall, after.children - before.children];
  const registryCpuMs = after.servers - before.servers;
  const foreignMs = after.machine - before.machine - cpuMs - registryCpuMs - (after.own - before.own);
  return {
    wallMs,
    cpuMs,
    registryCpuMs,
    foreignCores: Math.max(0, foreignMs / wallMs),
    writtenBytes: after.written - before.written,
    peakMemoryBytes: peaks.memory,
    peakDiskBytes: peaks.disk,
  };
}

function counters(servers: readonly number[]) {
  return {
    wall: performance.now(),
    children: cpuOfEndedChildren(),
    own: cpuOf(process.pid),
    servers: servers.reduce((sum, pid) => sum + cpuOf(pid), 0),
    machine: cpuOfMachine(),
    written: bytesWritten(),
  };
}

async function runOne(command: readonly string[], options: MeasureOptions, peaks: { pid: number }): Promise<void> {
  const child = await startChild(command, { ...options, cwd: options.folder });
  peaks.pid = child.pid;
  const code = await child.ended;
  options.signal.throwIfAborted();
  if (code === 0) return;
  const log = await readFile(options.logFile, 'utf8');
  throw new Error(`${command.join(' ')} ended with ${code}:\n${log.split('\n').slice(-20).join('\n')}`);
}

/** A tool that does not see to it itself gets the rest of its bytes written for it. */
async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.sync();
  await handle.close();
}
