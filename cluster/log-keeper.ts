import type { Cluster, LogOptions } from './client.ts';
import type { LogTail } from './report.ts';
import type { Workload } from './workloads.ts';

const keptLines = 40;
const longestLine = 400;

interface KeptTail extends LogTail {
  readonly lines: string[];
  readonly workload: Workload;
}

/**
 * Keeps the ends of container logs. A hook's pod is often deleted in the second it fails, so its log is followed from the
 * container's start; what was read stays.
 */
export class LogKeeper {
  readonly #cluster: Cluster;
  readonly #namespace: string;
  readonly #signal: AbortSignal;
  readonly #tails = new Map<string, KeptTail>();
  readonly #reading = new Map<string, Promise<void>>();

  constructor(cluster: Cluster, namespace: string, signal: AbortSignal) {
    this.#cluster = cluster;
    this.#namespace = namespace;
    this.#signal = signal;
  }

  /** Follows one run of a container (`restart` counts them) to its end. Called again for the same run it does nothing. */
  follow(pod: string, container: string, restart: number, workload: Workload): void {
    this.#read({ pod, container, workload, lines: [] }, `follow ${restart}`, { follow: true });
  }

  /** Reads the end of the run before the present one. */
  previous(pod: string, container: string, restart: number, workload: Workload): void {
    this.#read({ pod, container, workload, lines: [] }, `previous ${restart}`, { previous: true, tailLines: keptLines });
  }

  /** Reads the end of the log as it is now. */
  current(pod: string, container: string, workload: Workload): void {
    this.#read({ pod, container, workload, lines: [] }, 'current', { tailLines: keptLines });
  }

  /** The newest tail of a container, without lines if it said nothing; undefined if it was never read. */
  tail(pod: string, container: string): LogTail | undefined {
    return this.#tails.get(`${pod}/${container}`);
  }

  /** The newest tail of any container of a workload, one that says something before one that does not. */
  lastOf(workload: Workload): LogTail | undefined {
    const tails = [...this.#tails.values()].filter((tail) => tail.workload === workload);
    return tails.findLast(({ lines }) => lines.length > 0) ?? tails.at(-1);
  }

  /** Waits for what is being read, at most `ms`: a follower of a running container never ends by itself. */
  async settle(ms: number): Promise<void> {
    const timeout = new Promise((resolve) => setTimeout(resolve, ms).unref());
    await Promise.race([Promise.all(this.#reading.values()), timeout]);
  }

  #read(tail: KeptTail, run: string, options: Omit<LogOptions, 'signal'>): void {
    const name = `${tail.pod}/${tail.container}`;
    const key = `${name} ${run}`;
    if (this.#reading.has(key)) return;
    const reading = this.#collect(tail, options).catch(() => {
      // The container is not up yet, or the pod has gone: a later change asks again.
      if (!this.#tails.has(name)) this.#reading.delete(key);
    });
    this.#reading.set(key, reading);
  }

  async #collect(tail: KeptTail, options: Omit<LogOptions, 'signal'>): Promise<void> {
    const { pod, container, lines } = tail;
    const name = `${pod}/${container}`;
    for await (const line of this.#cluster.logs(this.#namespace, pod, container, { ...options, signal: this.#signal })) {
      // Set with its first line, so that a run which is only now starting does not hide the one before.
      this.#tails.set(name, tail);
      lines.push(line.length > longestLine ? `${line.slice(0, longestLine)}…` : line);
      if (lines.length > keptLines) lines.shift();
    }
    if (!this.#tails.has(name)) this.#tails.set(name, tail);
  }
}
