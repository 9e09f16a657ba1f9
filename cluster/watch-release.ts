import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './client.ts';
import { LogKeeper } from './log-keeper.ts';
import { type ClusterEvent, containerStatuses, type Job, type Pod, type ReplicaSet } from './objects.ts';
import { creationSymptoms, jobSymptoms, podSymptoms } from './pod-symptoms.ts';
import type { LogTail } from './report.ts';
import { bySeverity, defaultPatience, type Patience, type Symptom } from './symptom.ts';
import { CollectionWatch } from './watch-collection.ts';
import { isOfNewestRevision, type Workload, workloadOfPod } from './workloads.ts';

export interface WatchReleaseOptions {
  /** Namespace to watch. Workloads of the release in other namespaces are not seen. */
  readonly namespace: string;
  readonly workloads: readonly Workload[];
  /** Called once, when something has lasted longer than patience allows. Helm should be stopped then. */
  readonly onHopeless: (symptom: Symptom) => void;
  /** Called when a symptom is seen for the first time, for the event log. */
  readonly onSymptom?: (symptom: Symptom) => void;
  readonly patience?: Patience;
  readonly signal: AbortSignal;
}

/** What was seen of a release while helm worked. */
export interface ReleaseEvidence {
  /** Worst first; what was seen on objects that have been deleted since is kept. */
  readonly symptoms: readonly Symptom[];
  /** The end of the log of the container that a symptom is about, or of its pod's first container; undefined if none was read. */
  logOf(symptom: Symptom): LogTail | undefined;
}

export interface ReleaseWatch {
  /**
   * Waits a moment after helm's success, longer while containers crash: a container without a readiness probe counts as ready in the
   * second between its start and its end. Gives the crash if it does not heal.
   */
  settle(): Promise<Symptom | undefined>;
  /** Reads what is missing, ends the watch and gives what was found. Call it once, after helm has ended. */
  finish(): Promise<ReleaseEvidence>;
}

/** Pods that were there before helm came are judged only after this time without a hook at work: helm may be about to replace them. */
const oldPodsAfterMs = 60_000;
const judgeEveryMs = 1_000;
/**
 * How long new pods are watched after helm's success where no readiness probe vouches for them: a program that gives up after a
 * second is seen only when the kubelet has looked and said so.
 */
const settleMs = 6_000;
/** A crash that happened once may have been bad luck: it gets as long as the third restart takes. */
const crashHealsMs = 90_000;
/** How long a container that crashed has to run before it counts as healed. */
const steadyMs = 10_000;

/**
 * Watches the pods, Jobs and events of a release while helm installs it. Resolves when everything is being watched, so that
 * nothing helm does is missed. Throws RIGHTS_MISSING, CLUSTER_UNREACHABLE.
 */
export async function watchRelease(cluster: Cluster, options: WatchReleaseOptions): Promise<ReleaseWatch> {
  const watch = new Watcher(cluster, options);
  await watch.start();
  return watch;
}

class Watcher implements ReleaseWatch {
  readonly #options: WatchReleaseOptions;
  readonly #stop = new AbortController();
  readonly #pods: CollectionWatch<Pod>;
  readonly #jobs: CollectionWatch<Job>;
  readonly #sets: CollectionWatch<ReplicaSet>;
  readonly #events: CollectionWatch<ClusterEvent>;
  readonly #logs: LogKeeper;
  readonly #firstSeen = new Map<string, number>();
  /** Hook Jobs and pods that failed, by key: they may be deleted before anybody asks. */
  readonly #lasting = new Map<string, Symptom>();
  #busyAt = performance.now();
  /** When a container of an ordinary workload was last seen crashed. */
  #crashedAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #hopeless = false;

  constructor(cluster: Cluster, options: WatchReleaseOptions) {
    this.#options = options;
    const { namespace } = options;
    const signal = AbortSignal.any([options.signal, this.#stop.signal]);
    this.#logs = new LogKeeper(cluster, namespace, signal);
    const onChange = (): void => this.#judge();
    const onPod = (pod: Pod, deleted: boolean): void => {
      if (!deleted) this.#keepLogs(pod);
      this.#judge();
    };
    this.#pods = new CollectionWatch(cluster, { apiVersion: 'v1', kind: 'Pod', namespace }, { signal, onChange: onPod });
    this.#jobs = new CollectionWatch(cluster, { apiVersion: 'batch/v1', kind: 'Job', namespace }, { signal, onChange });
    this.#sets = new CollectionWatch(cluster, { apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace }, { signal, onChange });
    this.#events = new CollectionWatch(cluster, { apiVersion: 'v1', kind: 'Event', namespace }, { signal, onChange });
  }

  async start(): Promise<void> {
    await Promise.all(this.#watches().map((watch) => watch.start()));
    this.#timer = setInterval(() => this.#judge(), judgeEveryMs);
  }

  async settle(): Promise<Symptom | undefined> {
    const signal = AbortSignal.any([this.#options.signal, this.#stop.signal]);
    const until = performance.now() + crashHealsMs;
    if (this.#hasUnprobedPods()) await sleep(settleMs, undefined, { signal });
    for (;;) {
      const now = performance.now();
      const crash = this.#crash();
      if (crash?.kind === 'crash-loop' || now > until || now - this.#crashedAt >= steadyMs) return crash;
      await sleep(judgeEveryMs, undefined, { signal });
    }
  }

  async finish(): Promise<ReleaseEvidence> {
    clearInterval(this.#timer);
    this.#judge();
    const symptoms = this.#symptoms({ withOld: true });
    for (const { pod, container, kind, workload } of symptoms.slice(0, 5)) {
      if (pod === undefined || kind === 'image-pull') continue;
      const name = container ?? firstContainer(pod);
      if (this.#logs.tail(pod.metadata.name, name) === undefined) this.#logs.current(pod.metadata.name, name, workload);
    }
    await this.#logs.settle(3_000);
    this.#stop.abort();
    await Promise.all(this.#watches().map((watch) => watch.ended()));
    return { symptoms, logOf: (symptom) => this.#logOf(symptom) };
  }

  #watches() {
    return [this.#pods, this.#jobs, this.#sets, this.#events];
  }

  #logOf({ workload, pod, container }: Symptom): LogTail | undefined {
    if (pod !== undefined) return this.#logs.tail(pod.metadata.name, container ?? firstContainer(pod));
    // A Job's own symptom names no pod: the newest of its pods that said something.
    return this.#logs.lastOf(workload);
  }

  #keepLogs(pod: Pod): void {
    const workload = this.#workloadOf(pod);
    if (workload === undefined) return;
    for (const { name, state, lastState, restartCount = 0 } of containerStatuses(pod)) {
      const started = state?.running !== undefined || state?.terminated !== undefined;
      if (started && (workload.kind === 'Job' || workload.kind === 'Pod'))
        this.#logs.follow(pod.metadata.name, name, restartCount, workload);
      else if (lastState?.terminated !== undefined) this.#logs.previous(pod.metadata.name, name, restartCount, workload);
    }
  }

  #judge(): void {
    const now = performance.now();
    if (this.#hooksAtWork()) this.#busyAt = now;
    this.#crash();
    const symptoms = this.#symptoms({ withOld: now - this.#busyAt > oldPodsAfterMs });
    const present = new Set(symptoms.map(ageKey));
    for (const key of this.#firstSeen.keys()) if (!present.has(key)) this.#firstSeen.delete(key);
    for (const symptom of symptoms) {
      if (this.#firstSeen.has(ageKey(symptom))) continue;
      this.#firstSeen.set(ageKey(symptom), now);
      if (symptom.kind !== 'not-ready') this.#options.onSymptom?.(symptom);
    }
    const hopeless = symptoms.find((symptom) => this.#isHopeless(symptom, now));
    if (hopeless === undefined || this.#hopeless) return;
    this.#hopeless = true;
    this.#options.onHopeless(hopeless);
  }

  #isHopeless(symptom: Symptom, now: number): boolean {
    const patience = (this.#options.patience ?? defaultPatience)[symptom.kind];
    if (patience === undefined) return false;
    const since = this.#firstSeen.get(ageKey(symptom)) ?? now;
    // Failed hooks are final too, but helm is to end by itself there.
    const atOnce = symptom.final === true && symptom.kind === 'image-pull';
    return atOnce || now - since >= patience;
  }

  #symptoms({ withOld }: { readonly withOld: boolean }): readonly Symptom[] {
    const found = [...this.#podSymptoms(withOld), ...this.#jobSymptoms(), ...this.#creationSymptoms()];
    for (const symptom of found) if (isOfEndedHook(symptom)) this.#lasting.set(ageKey(symptom), symptom);
    const keys = new Set(found.map(ageKey));
    const gone = [...this.#lasting.values()].filter((symptom) => !keys.has(ageKey(symptom)));
    return [...found, ...gone].sort(bySeverity);
  }

  *#podSymptoms(withOld: boolean): Iterable<Symptom> {
    for (const [uid, pod] of this.#pods.objects) {
      const workload = this.#workloadOf(pod);
      if (workload === undefined || !isOfNewestRevision(pod, this.#sets.objects.values())) continue;
      const stale = this.#pods.before.has(uid);
      if (stale && (!withOld || workload.hook !== undefined)) continue;
      for (const symptom of podSymptoms(pod, workload, this.#warningsOn('Pod', pod.metadata.name))) yield { ...symptom, stale };
    }
  }

  *#jobSymptoms(): Iterable<Symptom> {
    for (const [uid, job] of this.#jobs.objects) {
      const workload = this.#options.workloads.find(({ kind, name }) => kind === 'Job' && name === job.metadata.name);
      if (workload !== undefined && !this.#jobs.before.has(uid)) yield* jobSymptoms(job, workload);
    }
  }

  *#creationSymptoms(): Iterable<Symptom> {
    for (const workload of this.#options.workloads) {
      const sets = [...this.#sets.objects.values()].filter(
        ({ metadata }) => workload.kind === 'Deployment' && metadata.ownerReferences?.[0]?.name === workload.name,
      );
      const own = this.#warningsOn(workload.kind, workload.name);
      const events = [...own, ...sets.flatMap(({ metadata }) => this.#warningsOn('ReplicaSet', metadata.name))];
      if (!this.#hasPods(workload)) yield* creationSymptoms(workload, events);
    }
  }

  #hasPods(workload: Workload): boolean {
    for (const [uid, pod] of this.#pods.objects) {
      if (!this.#pods.before.has(uid) && this.#workloadOf(pod) === workload) return true;
    }
    return false;
  }

  /** Pods that helm left as they were count too: an upgrade that changes nothing succeeds beside a crash loop. */
  #crash(): Symptom | undefined {
    const crash = this.#symptoms({ withOld: true }).find(
      ({ kind, workload }) => workload.hook === undefined && (kind === 'crash-loop' || kind === 'crashed'),
    );
    if (crash !== undefined) this.#crashedAt = performance.now();
    return crash;
  }

  #hasUnprobedPods(): boolean {
    for (const [uid, pod] of this.#pods.objects) {
      const workload = this.#workloadOf(pod);
      if (workload === undefined || workload.hook !== undefined || this.#pods.before.has(uid)) continue;
      if (pod.spec?.containers?.some(({ readinessProbe }) => readinessProbe === undefined)) return true;
    }
    return false;
  }

  #hooksAtWork(): boolean {
    for (const pod of this.#pods.objects.values()) {
      const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
      if (!ended && this.#workloadOf(pod)?.hook !== undefined) return true;
    }
    return false;
  }

  #workloadOf(pod: Pod): Workload | undefined {
    return workloadOfPod(pod, this.#options.workloads, this.#sets.objects.values());
  }

  /** Warnings on an object, oldest first. Those from before helm came are of another install. */
  #warningsOn(kind: string, name: string): readonly ClusterEvent[] {
    const found: ClusterEvent[] = [];
    for (const [uid, event] of this.#events.objects) {
      const { involvedObject, type } = event;
      if (type !== 'Warning' || involvedObject.kind !== kind || involvedObject.name !== name) continue;
      if (kind === 'Pod' || !this.#events.before.has(uid)) found.push(event);
    }
    return found.sort((a, b) => timeOf(a) - timeOf(b));
  }
}

function isOfEndedHook({ kind, workload }: Symptom): boolean {
  return workload.hook !== undefined && (kind === 'hook-failed' || kind === 'crashed' || kind === 'crash-loop');
}

function timeOf({ lastTimestamp, eventTime, metadata }: ClusterEvent): number {
  return Date.parse(lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? '') || 0;
}

function ageKey({ kind, key }: Symptom): string {
  return `${kind} ${key}`;
}

function firstContainer(pod: Pod): string {
  return pod.spec?.containers?.[0]?.name ?? '';
}
