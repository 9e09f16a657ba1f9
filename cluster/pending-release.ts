import type { Helm } from '../helm/helm.ts';
import type { Cluster } from './client.ts';
import { isPodAlive } from './lease.ts';
import { lastDeployed, ownHolder, type Revision, readHistory, recovererLabel } from './release-history.ts';
import { ExplainedError } from './report.ts';

interface ReleaseName {
  readonly name: string;
  readonly namespace: string;
}

export interface PendingOptions {
  readonly cluster: Cluster;
  readonly jobNamespace: string;
  /** Our own pod: a revision that it holds is not somebody else's. */
  readonly holder: string;
  readonly signal: AbortSignal;
}

type Remedy = { readonly kind: 'uninstall' } | { readonly kind: 'forget' } | { readonly kind: 'rollback'; readonly to: number };

/**
 * A release that a killed helm left in `pending-*`, with what makes it usable again: `uninstall` of a first revision that never
 * came to be, `rollback` to the one that was deployed last, or `forget` of a record without any. `recoverable` is false where
 * somebody may still work on it: a person's helm, or a pod that lives.
 */
export interface PendingRelease {
  readonly release: ReleaseName;
  readonly revision: Revision;
  readonly remedy: Remedy;
  readonly recoverable: boolean;
  readonly reason: string;
}

/** The release's pending revision, or undefined when helm can work on it. */
export async function findPending(release: ReleaseName, options: PendingOptions): Promise<PendingRelease | undefined> {
  const history = await readHistory(options.cluster, release, options);
  const revision = history.at(-1);
  if (revision === undefined || !revision.status.startsWith('pending-')) return undefined;
  return { release, revision, remedy: remedyFor(history), ...(await judgeHolder(ownHolder(history), options)) };
}

function remedyFor(history: readonly Revision[]): Remedy {
  const deployed = lastDeployed(history.slice(0, -1));
  if (deployed !== undefined) return { kind: 'rollback', to: deployed.revision };
  return history.length === 1 && history[0]?.status === 'pending-install' ? { kind: 'uninstall' } : { kind: 'forget' };
}

/** The command that a person would type to recover the release. */
export function recoveryCommand({ release, remedy, revision }: PendingRelease): string {
  const { name, namespace } = release;
  if (remedy.kind === 'rollback') return `helm rollback ${name} ${remedy.to} --namespace ${namespace}`;
  if (remedy.kind === 'uninstall') return `helm uninstall ${name} --namespace ${namespace}`;
  return `kubectl -n ${namespace} delete secret ${revision.secret}`;
}

/** Throws RELEASE_PENDING with the exact command for a release that we must not recover by ourselves. */
export function refusePending(pending: PendingRelease): never {
  const { release, revision, reason } = pending;
  throw new ExplainedError(
    'RELEASE_PENDING',
    `${release.name} is ${revision.status} since ${revision.createdAt ?? 'some time'}: ${reason}`,
    {
      release: { ...release, revision: revision.revision },
      findings: {
        why: [
          `revision ${revision.revision} of ${release.name} is ${revision.status}: another helm works on it, or was killed`,
          reason,
        ],
        where: [`Secret ${release.namespace}/${revision.secret}`],
        fix: [`if nobody works on it: ${recoveryCommand(pending)}`, 'then run the Job again'],
      },
    },
  );
}

/** Makes a recoverable release usable for helm again; `refusePending` for any other. */
export async function recoverPending(
  pending: PendingRelease,
  options: PendingOptions & {
    readonly helm: Helm;
    readonly env: Readonly<Record<string, string>>;
    readonly onLine?: (line: string) => void;
  },
): Promise<void> {
  if (!pending.recoverable) refusePending(pending);
  const { release, remedy, revision } = pending;
  const { cluster, signal } = options;
  if (remedy.kind === 'forget') {
    await cluster.delete({ apiVersion: 'v1', kind: 'Secret', namespace: release.namespace }, revision.secret, { signal });
    return;
  }
  // If we are killed in a rollback, the next run knows by this that it was ours.
  if (remedy.kind === 'rollback') await markRecovery(release, revision, options);
  const command =
    remedy.kind === 'uninstall' ? ['uninstall', release.name, '--wait'] : ['rollback', release.name, String(remedy.to)];
  const { env, onLine } = options;
  const result = await options.helm.run([...command, '--namespace', release.namespace, '--timeout', '5m'], {
    signal,
    env,
    ...(onLine === undefined ? {} : { onLine }),
  });
  if (result.exitCode === 0) return;
  throw new ExplainedError('RELEASE_PENDING', `${release.name} is ${revision.status} and could not be recovered`, {
    release: { ...release, revision: revision.revision },
    findings: {
      why: [`"${recoveryCommand(pending)}" failed`],
      helm: result.stderr.trim().split('\n'),
      fix: [`run it by hand, then run the Job again: ${recoveryCommand(pending)}`],
    },
  });
}

async function markRecovery(
  { namespace }: ReleaseName,
  { secret }: Revision,
  { cluster, holder, signal }: PendingOptions,
): Promise<void> {
  const metadata = { name: secret, namespace, labels: { [recovererLabel]: holder } };
  await cluster.apply({ apiVersion: 'v1', kind: 'Secret', metadata }, { signal });
}

async function judgeHolder(
  holder: string | undefined,
  options: PendingOptions,
): Promise<{ readonly recoverable: boolean; readonly reason: string }> {
  if (holder === undefined) return { recoverable: false, reason: 'it was not made by this installer' };
  if (holder === options.holder) return { recoverable: true, reason: 'it is our own' };
  if (await isPodAlive(options.cluster, options.jobNamespace, holder, options)) {
    return { recoverable: false, reason: `its installer still runs: pod ${options.jobNamespace}/${holder}` };
  }
  return { recoverable: true, reason: `its installer, pod ${holder}, is gone` };
}
