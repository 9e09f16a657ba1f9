import {
  type ClusterEvent,
  type Condition,
  type ContainerStatus,
  containerStatuses,
  type Job,
  type Pod,
  type TerminatedState,
} from './objects.ts';
import type { Symptom, SymptomKind } from './symptom.ts';
import type { Workload } from './workloads.ts';

/** Restarts after which a container that crashes is taken for one that always will. */
const crashLoopRestarts = 3;

const pullReasons = new Set(['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName', 'ImageInspectError']);
const configReasons = new Set(['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError', 'StartError']);

/** Everything wrong with a pod, read from its status and its Warning events. Empty for a pod that works or is being deleted. */
export function podSymptoms(pod: Pod, workload: Workload, events: readonly ClusterEvent[]): readonly Symptom[] {
  if (pod.metadata.deletionTimestamp !== undefined) return [];
  const found = [
    ...containerStatuses(pod).flatMap((status) => containerSymptoms(status, pod, workload)),
    ...scheduling(pod, workload),
    ...volumes(pod, workload, events),
    ...failedPod(pod, workload),
  ];
  return found.length > 0 ? found : notReady(pod, workload, events);
}

/** `job-failed` or `hook-failed` for a Job that has given up. */
export function jobSymptoms(job: Job, workload: Workload): readonly Symptom[] {
  const failed = conditionOf(job.status?.conditions, 'Failed');
  if (failed?.status !== 'True') return [];
  const kind: SymptomKind = workload.hook === undefined ? 'job-failed' : 'hook-failed';
  const why = failed.reason ?? 'failed';
  return [
    { kind, workload, key: `job ${job.metadata.uid}`, summary: `failed: ${why}`, details: [failed.message ?? why], final: true },
  ];
}

/** `not-created` for a workload whose pods the API refuses: quota, Pod Security, an admission webhook. */
export function creationSymptoms(workload: Workload, events: readonly ClusterEvent[]): readonly Symptom[] {
  const refused = events.findLast(({ reason }) => reason === 'FailedCreate');
  if (refused?.message === undefined) return [];
  const message = refused.message.replace(/^(\(combined from similar events\): )?(Error creating: )?/, '');
  return [
    {
      kind: 'not-created',
      workload,
      key: `create ${workload.kind}/${workload.name}`,
      summary: `its pods are refused: ${message}`,
      details: [message],
    },
  ];
}

function containerSymptoms(status: ContainerStatus, pod: Pod, workload: Workload): readonly Symptom[] {
  const about = { workload, pod, container: status.name, ...imageOf(pod, status) };
  const key = `${pod.metadata.uid}/${status.name}`;
  const { waiting } = status.state ?? {};
  const reason = waiting?.reason ?? '';
  const message = waiting?.message ?? reason;
  if (pullReasons.has(reason)) {
    const final = reason === 'InvalidImageName' || reason === 'ErrImageNeverPull';
    return [{ ...about, kind: 'image-pull', key, summary: `cannot pull ${about.image}: ${reason}`, details: [message], final }];
  }
  if (configReasons.has(reason)) {
    return [{ ...about, kind: 'container-config', key, summary: `container ${status.name}: ${message}`, details: [message] }];
  }
  return crashSymptoms(status, about, key);
}

function crashSymptoms(
  status: ContainerStatus,
  about: Pick<Symptom, 'workload' | 'image'> & { readonly pod: Pod; readonly container: string },
  key: string,
): readonly Symptom[] {
  const { waiting, terminated } = status.state ?? {};
  const crash = terminated ?? status.lastState?.terminated;
  const restarts = status.restartCount ?? 0;
  if (crash === undefined || crash.exitCode === 0 || status.ready === true) return [];
  // The kubelet may say CrashLoopBackOff only a minute after the crash.
  const down = waiting?.reason === 'CrashLoopBackOff' || terminated !== undefined;
  const ended = `ended with ${exitText(crash)}${restarts === 0 ? '' : `, ${restarts} restart${restarts === 1 ? '' : 's'}`}`;
  return [
    {
      ...about,
      kind: down && restarts >= crashLoopRestarts ? 'crash-loop' : 'crashed',
      key,
      summary: `container ${status.name} ${ended}`,
      details: [`container ${status.name} of pod ${about.pod.metadata.name} ${ended}`, ...said(crash)],
    },
  ];
}

/** `exit code 3`, `exit code 137 (OOMKilled)`. */
export function exitText({ exitCode, reason }: TerminatedState): string {
  const plain = reason === undefined || reason === 'Error' || reason === 'Completed';
  return `exit code ${exitCode}${plain ? '' : ` (${reason})`}`;
}

function said({ message }: TerminatedState): readonly string[] {
  return message === undefined || message.trim() === '' ? [] : [`it says: ${message.trim()}`];
}

function imageOf(pod: Pod, status: ContainerStatus): { readonly image: string } {
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  return { image: containers.find(({ name }) => name === status.name)?.image ?? status.image ?? 'its image' };
}

function scheduling(pod: Pod, workload: Workload): readonly Symptom[] {
  const scheduled = conditionOf(pod.status?.conditions, 'PodScheduled');
  if (scheduled?.status !== 'False' || scheduled.reason !== 'Unschedulable') return [];
  const message = scheduled.message ?? 'no node fits';
  return [
    {
      kind: 'unschedulable',
      workload,
      pod,
      key: `schedule ${pod.metadata.uid}`,
      summary: `no node takes its pod: ${message}`,
      details: [message],
    },
  ];
}

function volumes(pod: Pod, workload: Workload, events: readonly ClusterEvent[]): readonly Symptom[] {
  const started = containerStatuses(pod).some(({ state }) => state?.running !== undefined || state?.terminated !== undefined);
  const event = events.findLast(({ reason }) => reason === 'FailedMount' || reason === 'FailedAttachVolume');
  if (started || event?.message === undefined) return [];
  const { message } = event;
  return [
    {
      kind: 'volume',
      workload,
      pod,
      key: `volume ${pod.metadata.uid}`,
      summary: `a volume cannot be mounted: ${message}`,
      details: [message],
    },
  ];
}

/** A pod that ended badly as a whole (evicted, deadline), or a bare Pod of a hook that failed. */
function failedPod(pod: Pod, workload: Workload): readonly Symptom[] {
  if (pod.status?.phase !== 'Failed') return [];
  const why = pod.status.message ?? pod.status.reason;
  const bareHook = workload.kind === 'Pod' && workload.hook !== undefined;
  if (!bareHook && why === undefined) return [];
  const kind: SymptomKind = bareHook ? 'hook-failed' : 'crashed';
  return [
    {
      kind,
      workload,
      pod,
      key: `failed ${pod.metadata.uid}`,
      summary: `its pod failed${why === undefined ? '' : `: ${why}`}`,
      details: why === undefined ? [] : [why],
      final: bareHook,
    },
  ];
}

function notReady(pod: Pod, workload: Workload, events: readonly ClusterEvent[]): readonly Symptom[] {
  const { phase, conditions } = pod.status ?? {};
  if (phase === 'Succeeded' || conditionOf(conditions, 'Ready')?.status === 'True') return [];
  const warning = events.at(-1)?.message;
  const state = phase === 'Running' ? 'runs but is not ready' : `is ${phase ?? 'unknown'}`;
  return [
    {
      kind: 'not-ready',
      workload,
      pod,
      key: `ready ${pod.metadata.uid}`,
      summary: `its pod ${state}${warning === undefined ? '' : `: ${warning}`}`,
      details: [`pod ${pod.metadata.name} ${state}`, ...events.slice(-2).map(({ reason, message }) => `${reason}: ${message}`)],
    },
  ];
}

function conditionOf(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
