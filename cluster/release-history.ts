import type { Cluster } from './client.ts';
import type { Secret } from './objects.ts';

/** One revision of a Helm release, as the labels of its Secret tell: the payload is not read. */
export interface Revision {
  readonly revision: number;
  /** `deployed`, `failed`, `superseded`, `pending-install`, `pending-upgrade`, `pending-rollback`, `uninstalling`, `uninstalled`. */
  readonly status: string;
  /** Pod of ours that made it; absent for one that a person's helm made. */
  readonly holder?: string;
  readonly createdAt?: string;
  /** Name of the Secret. */
  readonly secret: string;
}

/** Label that our helm puts on each revision: the pod that works on it, so that a later run knows whether somebody still does. */
export const holderLabel = 'diolkos.dev/holder';

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

function revisionOf({ name, labels = {}, creationTimestamp }: Secret['metadata']): Revision {
  const holder = labels[holderLabel];
  return {
    revision: Number(labels.version ?? 0),
    status: labels.status ?? 'unknown',
    secret: name,
    ...(holder === undefined ? {} : { holder }),
    ...(creationTimestamp === undefined ? {} : { createdAt: creationTimestamp }),
  };
}
