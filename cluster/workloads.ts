import type { RenderedObject } from '../helm/manifest-stream.ts';
import type { Pod, ReplicaSet } from './objects.ts';
import { controllerOf } from './objects.ts';

/** An object of a release that runs pods. */
export interface Workload {
  readonly kind: 'Deployment' | 'StatefulSet' | 'DaemonSet' | 'Job' | 'Pod';
  readonly namespace: string;
  readonly name: string;
  /** `helm.sh/hook` as written, such as `pre-install,pre-upgrade`; absent for an ordinary object. */
  readonly hook?: string;
}

const workloadKinds = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'Pod']);

/** What of the rendered objects runs pods in an install or upgrade; tests and delete hooks do not. */
export function workloadsOf(objects: readonly RenderedObject[], releaseNamespace: string): readonly Workload[] {
  return objects
    .filter(({ kind, hook }) => workloadKinds.has(kind) && (hook === undefined || /(pre|post)-(install|upgrade)/.test(hook)))
    .map(({ kind, name, namespace, hook }) => ({
      kind: kind as Workload['kind'],
      name,
      namespace: namespace ?? releaseNamespace,
      ...(hook === undefined ? {} : { hook }),
    }));
}

/** `Deployment/web` or `hook Job/migrate`. */
export function workloadText({ kind, name, hook }: Workload): string {
  return `${hook === undefined ? '' : 'hook '}${kind}/${name}`;
}

/** The workload that a pod belongs to, through its ReplicaSet if need be. */
export function workloadOfPod(pod: Pod, workloads: readonly Workload[], replicaSets: Iterable<ReplicaSet>): Workload | undefined {
  const owner = controllerOf(pod);
  if (owner === undefined) return find(workloads, 'Pod', pod.metadata.name);
  if (owner.kind !== 'ReplicaSet') return find(workloads, owner.kind, owner.name);
  for (const set of replicaSets) {
    if (set.metadata.name !== owner.name) continue;
    const deployment = controllerOf(set);
    return deployment === undefined ? undefined : find(workloads, deployment.kind, deployment.name);
  }
  // Its ReplicaSet is not seen yet: the name says the same.
  return find(workloads, 'Deployment', owner.name.replace(/-[^-]+$/, ''));
}

/** True unless the pod is of a ReplicaSet that its Deployment has replaced: what fails there is of the version before. */
export function isOfNewestRevision(pod: Pod, replicaSets: Iterable<ReplicaSet>): boolean {
  const owner = controllerOf(pod);
  if (owner?.kind !== 'ReplicaSet') return true;
  const sets = [...replicaSets];
  const own = sets.find(({ metadata }) => metadata.name === owner.name);
  if (own === undefined) return true;
  const deployment = controllerOf(own)?.name;
  const siblings = sets.filter((set) => controllerOf(set)?.name === deployment);
  return revisionOf(own) >= Math.max(...siblings.map(revisionOf));
}

function revisionOf({ metadata }: ReplicaSet): number {
  return Number(metadata.annotations?.['deployment.kubernetes.io/revision'] ?? 0);
}

function find(workloads: readonly Workload[], kind: string, name: string): Workload | undefined {
  return workloads.find((workload) => workload.kind === kind && workload.name === name);
}
