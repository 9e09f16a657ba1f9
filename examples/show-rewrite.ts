import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CarriedRelease } from '../bundle-spec/bundle-json.ts';
import { writeBundledChart } from '../helm/charts/bundled-chart.ts';
import { discoverRelease } from '../helm/discover.ts';
import { findHelm } from '../helm/helm.ts';
import { rewriteUnproven } from '../helm/leftovers.ts';
import { rewriteRelease } from '../helm/prove.ts';
import { type BundleFile, openBundle } from '../images/bundle/bundle-reader.ts';

/** Does the Job's step `rewrite` for every release of a bundle, without a cluster, and shows the values that it makes. */
export async function showRewrite(file: string, host: string, say: (line: string) => void): Promise<void> {
  const { signal } = new AbortController();
  const bundle = await openBundle(file, { signal });
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-demo-'));
  try {
    for (const release of bundle.json.releases) await showRelease(bundle, release, { host, folder, say, signal });
  } finally {
    await rm(folder, { recursive: true, force: true });
    await bundle.close();
  }
}

async function showRelease(
  bundle: BundleFile,
  carried: CarriedRelease,
  { host, folder, say, signal }: { host: string; folder: string; say: (line: string) => void; signal: AbortSignal },
): Promise<void> {
  const { ignore, target } = bundle.json;
  const chart = join(folder, `${carried.name}.tgz`);
  await writeBundledChart(bundle, carried.chart, chart, { signal });
  const values = carried.values.filter((layer) => 'text' in layer);
  const release = { name: carried.name, namespace: carried.namespace.name, chart, values };
  const helm = await findHelm({ signal });
  const discovery = await discoverRelease(helm, release, { kubernetes: target.kubernetes, paths: carried.paths, ignore, signal });
  const { overrides, leftovers } = await rewriteRelease(helm, release, discovery, { host, prefix: '' }, { ignore, signal });
  if (leftovers.length > 0) throw rewriteUnproven(leftovers);
  say(`# release ${carried.name}: these values come last, after yours\n${JSON.stringify(overrides, null, 2)}`);
  const places = discovery.references.reduce((sum, reference) => sum + reference.places.length, 0);
  say(`proven: ${places} places in the rendered objects, none of them names a registry other than ${host}`);
}
