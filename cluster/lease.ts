import { setTimeout as sleep } from 'node:timers/promises';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Cluster } from './client.ts';
import { refusedStatus } from './cluster-error.ts';
import { leaseName } from './object-names.ts';
import type { Lease, Pod } from './objects.ts';

export interface LeaseOptions {
  readonly namespace: string;
  /** Name of our pod. */
  readonly holder: string;
  readonly signal: AbortSignal;
}

export interface HeldLease {
  /** Aborts, with a JOB_ELSEWHERE error as its reason, when the Lease is no longer ours. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

const durationSeconds = 60;
const renewEveryMs = 15_000;
/** The Job's pods have 60 s to stop. */
const longestGoodbyeMs = 90_000;
const collection = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };

/**
 * Takes the Lease `diolkos` of the Job's namespace, which keeps two Jobs apart, and renews it until `release`. A Lease whose holder
 * pod is gone or has ended is taken over at once; one that is being deleted is waited for. Throws JOB_ELSEWHERE when another pod works.
 */
export async function takeLease(cluster: Cluster, options: LeaseOptions): Promise<HeldLease> {
  const found = await cluster.get<Lease>({ ...collection, namespace: options.namespace }, leaseName, options);
  const holder = found?.spec.holderIdentity;
  if (found !== undefined && holder !== undefined && holder !== '' && holder !== options.holder) {
    if (!(await isPodGone(cluster, holder, options))) throw elsewhere(holder, options.namespace);
  }
  await writeLease(cluster, found, options);
  return keepRenewing(cluster, options);
}

/** Waits for a pod that is being deleted: "kubectl replace --force" starts the new Job before the old one has stopped. */
async function isPodGone(cluster: Cluster, name: string, { namespace, signal }: LeaseOptions): Promise<boolean> {
  for (let waitedMs = 0; ; waitedMs += 2_000) {
    const pod = await cluster.get<Pod>({ apiVersion: 'v1', kind: 'Pod', namespace }, name, { signal });
    if (pod === undefined || hasEnded(pod)) return true;
    if (pod.metadata.deletionTimestamp === undefined || waitedMs >= longestGoodbyeMs) return false;
    await sleep(2_000, undefined, { signal });
  }
}

function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** True while a pod exists and has not ended; false for one that is gone. */
export async function isPodAlive(
  cluster: Cluster,
  namespace: string,
  name: string,
  options: { readonly signal: AbortSignal },
): Promise<boolean> {
  const pod = await cluster.get<Pod>({ apiVersion: 'v1', kind: 'Pod', namespace }, name, options);
  return pod !== undefined && !hasEnded(pod);
}

function keepRenewing(cluster: Cluster, options: LeaseOptions): HeldLease {
  const lost = new AbortController();
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const renewal = (async () => {
    for (;;) {
      await sleep(renewEveryMs, undefined, { signal });
      const found = await cluster.get<Lease>({ ...collection, namespace: options.namespace }, leaseName, { signal });
      const holder = found?.spec.holderIdentity;
      if (holder !== undefined && holder !== options.holder) throw elsewhere(holder, options.namespace);
      await writeLease(cluster, found, { ...options, signal });
    }
  })().catch((error: unknown) => {
    // An API server that is away for a moment has been waited for; only another holder makes us stop.
    if (error instanceof BundleError && error.code === 'JOB_ELSEWHERE') lost.abort(error);
  });
  return {
    lost: lost.signal,
    async release() {
      stop.abort();
      await renewal;
      await giveBack(cluster, options);
    },
  };
}

/** Best effort, and with a signal of its own: it runs when everything else has been told to stop. */
async function giveBack(cluster: Cluster, { namespace, holder }: LeaseOptions): Promise<void> {
  const signal = AbortSignal.timeout(5_000);
  try {
    const found = await cluster.get<Lease>({ ...collection, namespace }, leaseName, { signal });
    if (found?.spec.holderIdentity !== holder) return;
    const { holderIdentity: _, ...spec } = found.spec;
    await cluster.replace({ ...found, spec: { ...spec, holderIdentity: '' } }, { signal });
  } catch {
    // The next Job finds our pod gone and takes over.
  }
}

async function writeLease(cluster: Cluster, found: Lease | undefined, options: LeaseOptions): Promise<void> {
  const { namespace, holder, signal } = options;
  // Kubernetes' MicroTime wants six digits.
  const now = new Date().toISOString().replace('Z', '000Z');
  const acquireTime = found?.spec.holderIdentity === holder ? (found.spec.acquireTime ?? now) : now;
  const spec = { holderIdentity: holder, leaseDurationSeconds: durationSeconds, acquireTime, renewTime: now };
  try {
    if (found === undefined) {
      const metadata = { name: leaseName, namespace, labels: { 'app.kubernetes.io/managed-by': 'diolkos' } };
      await cluster.create({ ...collection, metadata, spec }, { signal });
    } else {
      await cluster.replace({ ...found, ...collection, spec }, { signal });
    }
  } catch (error) {
    if (refusedStatus(error) === 409) throw elsewhere('another pod, which was faster', namespace);
    throw error;
  }
}

function elsewhere(holder: string, namespace: string): BundleError {
  return new BundleError('JOB_ELSEWHERE', `another Job works at the moment: ${holder}`, {
    hint: `wait for it (kubectl -n ${namespace} get pods), then run this Job again`,
  });
}
