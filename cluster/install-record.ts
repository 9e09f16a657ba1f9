import type { Cluster } from './client.ts';
import { type BundleName, bundleLabels, recordConfigMapName } from './object-names.ts';

/** What a bundle has in the cluster, as the Job found it after its last install that succeeded. */
export interface InstallRecord {
  readonly bundle: BundleName;
  /** Version of diolkos that installed. */
  readonly tool: string;
  readonly installedAt: string;
  readonly registry: { readonly host: string; readonly prefix: string };
  readonly releases: readonly {
    readonly name: string;
    readonly namespace: string;
    readonly revision: number;
    readonly chart: string;
  }[];
  /** Every image of the bundle: as the charts have it, as it is called here, and its digest. */
  readonly images: readonly { readonly reference: string; readonly local: string; readonly digest: string }[];
}

/** Writes the record: ConfigMap `diolkos-record-<bundle>`, key `record.json`. */
export async function writeRecord(
  cluster: Cluster,
  record: InstallRecord,
  options: { readonly namespace: string; readonly signal: AbortSignal },
): Promise<void> {
  const { bundle } = record;
  await cluster.apply(
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: recordConfigMapName(bundle), namespace: options.namespace, labels: bundleLabels(bundle) },
      data: { 'record.json': JSON.stringify(record, null, 2) },
    },
    options,
  );
}
