import type { Cluster } from './client.ts';
import { type BundleName, bundleLabels, reportConfigMapName } from './object-names.ts';
import type { Report } from './report.ts';
import { formatTerminationMessage } from './termination-message.ts';

/**
 * Keeps the whole report where it outlives the pod: ConfigMap `diolkos-report-<bundle>`, keys `report.json` and `report.txt` (the
 * whole text, uncut but for a limit of 256 KiB).
 */
export async function writeReportConfigMap(
  cluster: Cluster,
  report: Report,
  options: { readonly namespace: string; readonly signal: AbortSignal },
): Promise<void> {
  const bundle: BundleName = report.bundle;
  await cluster.apply(
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: reportConfigMapName(bundle), namespace: options.namespace, labels: bundleLabels(bundle) },
      data: { 'report.json': JSON.stringify(report, null, 2), 'report.txt': formatTerminationMessage(report, 256 * 1024) },
    },
    options,
  );
}
