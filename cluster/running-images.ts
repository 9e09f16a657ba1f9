import { parseReference } from '../images/reference.ts';
import type { Cluster } from './client.ts';
import { containerStatuses, type Pod, type ReplicaSet } from './objects.ts';
import { isOfNewestRevision, type Workload, workloadOfPod } from './workloads.ts';

/** A container that runs something else than the bundle has for it. */
export interface StrangeImage {
  readonly pod: string;
  readonly container: string;
  readonly image: string;
  readonly reason: string;
}

export interface RunningImagesOptions {
  readonly namespace: string;
  readonly workloads: readonly Workload[];
  readonly registryHost: string;
  /** Digests that a runtime may report for what the bundle holds: indexes, manifests, configs, as stored and as at the source. */
  readonly digests: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

/** Compares every running container of a release with the bundle: the host it was pulled from, and the digest the runtime reports. */
export async function findStrangeImages(
  cluster: Cluster,
  options: RunningImagesOptions,
): Promise<{
  readonly checked: number;
  readonly strange: readonly StrangeImage[];
}> {
  const { namespace, workloads, signal } = options;
  const pods = await cluster.list<Pod>({ apiVersion: 'v1', kind: 'Pod', namespace }, { signal });
  const sets = await cluster.list<ReplicaSet>({ apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace }, { signal });
  const strange: StrangeImage[] = [];
  let checked = 0;
  for (const pod of pods.items.filter(isAtWork)) {
    if (workloadOfPod(pod, workloads, sets.items) === undefined || !isOfNewestRevision(pod, sets.items)) continue;
    const wanted = new Map(
      [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map(({ name, image }) => [name, image]),
    );
    for (const { name, imageID } of containerStatuses(pod)) {
      const image = wanted.get(name) ?? '';
      const reason = strangeness(image, imageID ?? '', options);
      checked += 1;
      if (reason !== undefined) strange.push({ pod: `${namespace}/${pod.metadata.name}`, container: name, image, reason });
    }
  }
  return { checked, strange };
}

/** A hook that has ended may be of the version before: nothing of it runs. */
function isAtWork({ status }: Pod): boolean {
  return status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
}

function strangeness(image: string, imageID: string, { registryHost, digests }: RunningImagesOptions): string | undefined {
  if (hostOf(image) !== registryHost) return `it is not of ${registryHost}`;
  const digest = /sha256:[0-9a-f]{64}$/.exec(imageID)?.[0];
  // A container that has not started has no id yet.
  if (digest === undefined || digests.has(digest)) return undefined;
  return `the node runs ${digest}, which is not in the bundle`;
}

function hostOf(image: string): string | undefined {
  try {
    return parseReference(image).host;
  } catch {
    return undefined;
  }
}
