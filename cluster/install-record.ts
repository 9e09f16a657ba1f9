import type { SiteReport } from '../bundle-spec/site-report.ts';
import type { Cluster } from './client.ts';
import { bundleLabels, recordConfigMapName } from './object-names.ts';

/** What a bundle has in the cluster, as the Job found it after its last install that succeeded. Carried back over the gap it is the base of a delta. */
export interface InstallRecord extends SiteReport {
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

/** A ConfigMap has room for 1 MiB. */
const mostBytes = 900_000;

/** Writes the record: ConfigMap `diolkos-record-<bundle>`, key `record.json`. */
export async function writeRecord(
  cluster: Cluster,
  record: InstallRecord,
  options: { readonly namespace: string; readonly signal: AbortSignal },
): Promise<void> {
  const { bundle } = record;
  const { blobs: _, ...small } = record;
  const text = JSON.stringify(record, null, 2);
  await cluster.apply(
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: recordConfigMapName(bundle), namespace: options.namespace, labels: bundleLabels(bundle) },
      // Without the blobs of a very large bundle; a delta to it is then made of its lock.
      data: { 'record.json': Buffer.byteLength(text) <= mostBytes ? text : JSON.stringify(small, null, 2) },
    },
    options,
  );
}
