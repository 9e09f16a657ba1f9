import type { Chart, ChartSource } from '../bundle-spec/bundle.ts';
import { pullChart } from './chart-sources/oci.ts';
import { readChartAt } from './chart-sources/path.ts';
import { downloadChart } from './chart-sources/repository.ts';
import type { SpecRegistries } from './spec-registries.ts';

/**
 * The packed chart (`.tgz`) that a release names, from wherever it lies. Each kind of source is one file of `chart-sources/`.
 * Throws CHART_NOT_FOUND, CHART_INVALID, REGISTRY_*, DIGEST_MISMATCH.
 */
export async function fetchChart(
  chart: Chart,
  options: {
    readonly folder: string;
    readonly sources: readonly ChartSource[];
    readonly registries: SpecRegistries;
    readonly signal: AbortSignal;
  },
): Promise<Buffer> {
  if ('path' in chart) return await readChartAt(chart.path, options);
  if ('repo' in chart) return await downloadChart(chart, options);
  return await pullChart(chart, options);
}

/** A chart as errors call it: `./charts/shop`, `podinfo 6.9.2 of https://…`, `oci://…:6.9.2`. */
export function describeChart(chart: Chart): string {
  if ('path' in chart) return chart.path;
  if ('repo' in chart) return `${chart.name} ${chart.version} of ${chart.repo}`;
  return `${chart.oci}:${chart.version}`;
}
