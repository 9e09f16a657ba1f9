import type { Cluster } from './client.ts';
import type { Secret } from './objects.ts';

/** One revision of a Helm release, as the labels of its Secret tell: the payload is not read. */
export interface Revision {
  readonly revision: number;
  /** `deployed`, `failed`, `superseded`, `pending-install`, `pending-upgrade`, `pending-rollback`, `uninstalling`, `uninstalled`. */
  readonly status: string;
  /**
   * Pod of ours that made it. Helm hands labels on from one revision to the next, so a person's upgrade of our release has the
   * holder of an earlier revision: `ownHolder` tells.
   */
  readonly holder?: string;
  /** Pod of ours that began to roll it back. */
  readonly recoverer?: string;
  readonly createdAt?: string;
  /** Name of the Secret. */
  readonly secret: string;
}

/** Label that our helm puts on each revision: the pod that works on it, so that a later run knows whether somebody still does. */
export const holderLabel = 'diolkos.dev/holder';

/** Label on a pending revision: the pod of ours that rolls it back. A rollback takes no labels of its own. */
export const recovererLabel = 'diolkos.dev/recoverer';

/** All revisions that Helm keeps of a release, oldest first; empty when it was never installed. */
export async function readHistory(
  cluster: Cluster,
  release: { readonly name: string; readonly namespace: string },
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly Revision[]> {
  const { items } = await cluster.list<Secret>(
    { apiVersion: 'v1', kind: 'Secret', namespace: release.namespace },
    { labelSelector: `owner=helm,name=${release.name}`, metadataOnly: true, signal },
  );
  return items.map(({ metadata }) => revisionOf(metadata)).sort((a, b) => a.revision - b.revision);
}

/** The newest revision that once was deployed: what a rollback goes back to. */
export function lastDeployed(history: readonly Revision[]): Revision | undefined {
  return history.findLast(({ status }) => status === 'deployed' || status === 'superseded');
}

/** The pod of ours that made the newest revision, undefined when somebody else did. */
export function ownHolder(history: readonly Revision[]): string | undefined {
  const last = history.at(-1);
  const before = history.at(-2);
  if (last?.status === 'pending-rollback') return before?.recoverer;
  // Each pod of ours upgrades a release once.
  return history.slice(0, -1).some(({ holder }) => holder === last?.holder) ? undefined : last?.holder;
}

function revisionOf({ name, labels = {}, creationTimestamp }: Secret['metadata']): Revision {
  const holder = labels[holderLabel];
  const recoverer = labels[recovererLabel];
  return {
    revision: Number(labels.version ?? 0),
    status: labels.status ?? 'unknown',
    secret: name,
    ...(holder === undefined ? {} : { holder }),
    ...(recoverer === undefined ? {} : { recoverer }),
    ...(creationTimestamp === undefined ? {} : { createdAt: creationTimestamp }),
  };
}
