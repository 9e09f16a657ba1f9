import { writeRecord } from '../../cluster/install-record.ts';
import { localImage } from '../../images/push/push-plan.ts';
import { siteReport } from '../../images/push/site-report.ts';
import { formatReference } from '../../images/reference.ts';
import { known, type Run } from '../run.ts';

/** Writes down what is installed, for the next Job and for people. */
export async function record(run: Run): Promise<void> {
  const bundle = known(run, 'bundle');
  const { json } = bundle;
  const target = known(run, 'target');
  const charts = new Map(json.charts.map(({ manifest, name, version }) => [manifest, `${name} ${version}`]));
  const releases = known(run, 'installed').map((installed) => {
    const manifest = json.releases.find(({ name }) => name === installed.name)?.chart;
    return { ...installed, chart: (manifest && charts.get(manifest)) ?? '' };
  });
  await writeRecord(
    known(run, 'cluster'),
    {
      ...(await siteReport(bundle, { signal: run.signal })),
      tool: json.tool,
      installedAt: new Date().toISOString(),
      registry: { host: target.host, prefix: target.prefix },
      releases,
      images: json.images.map(({ reference, digest }) => ({
        reference,
        local: formatReference(localImage({ reference, digest }, target)),
        digest,
      })),
    },
    { namespace: known(run, 'namespace'), signal: run.signal },
  );
}
