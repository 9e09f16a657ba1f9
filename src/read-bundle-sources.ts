import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeBundledChart } from '../helm/charts/bundled-chart.ts';
import { readChart } from '../helm/charts/chart.ts';
import type { OpenOptions } from '../images/bundle/bundle-bytes.ts';
import { openBundle } from '../images/bundle/bundle-reader.ts';
import { digestOf } from '../images/digest.ts';
import { storedDigests } from '../images/plan/stored-digests.ts';
import { type Source, unreadLayers } from './read-sources.ts';

/** The releases of a bundle as they will be installed, scan profiles left out. Throws BUNDLE_*, VOLUME_MISSING, FILE_UNREADABLE, CHART_INVALID. */
export async function readBundleSources(file: string, options: OpenOptions): Promise<Source[]> {
  const bundle = await openBundle(file, options);
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-chart-'));
  try {
    const { releases, target, ignore, images } = bundle.json;
    const extra = images.filter((image) => image.class === 'extra').map(({ reference }) => reference);
    const sources: Source[] = [];
    for (const [index, { name, namespace, chart, values, paths }] of releases.entries()) {
      const path = join(folder, `${index}.tgz`);
      await writeBundledChart(bundle, chart, path, options);
      const bytes = await readFile(path);
      const input = {
        name,
        namespace: namespace.name,
        chart: { ...readChart(bytes, name), bytes, digest: digestOf(bytes) },
        values: values.filter((layer) => 'text' in layer),
        profiles: new Map(),
        kubernetes: target.kubernetes,
        paths,
        ignore,
        extra,
      };
      sources.push({ name, input, isBare: false, unread: unreadLayers(values), digests: storedDigests(images) });
    }
    return sources;
  } finally {
    await bundle.close();
    await rm(folder, { recursive: true, force: true });
  }
}
