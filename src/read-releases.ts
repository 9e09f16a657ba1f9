import type { Bundle, Release } from '../bundle-spec/bundle.ts';
import type { Digest } from '../bundle-spec/names.ts';
import type { CarriedValuesLayer } from '../bundle-spec/values-layer.ts';
import { type Chart, readChart } from '../helm/charts/chart.ts';
import { digestOf } from '../images/digest.ts';
import { carryLayers } from './carry-layers.ts';
import { describeChart, fetchChart } from './fetch-chart.ts';
import type { SpecRegistries } from './spec-registries.ts';

/** A chart as it travels: packed, its dependencies in place. */
export interface PackedChart extends Chart {
  readonly bytes: Buffer;
  readonly digest: Digest;
}

/** A release of the spec with everything in hand that its renders need. */
export interface ReleaseInput {
  readonly spec: Release;
  readonly chart: PackedChart;
  readonly values: readonly CarriedValuesLayer[];
  readonly scan: ReadonlyMap<string, readonly CarriedValuesLayer[]>;
  /** `images.paths` of this release. */
  readonly paths: readonly string[];
}

interface Reading {
  /** The spec's folder, which its paths are relative to. */
  readonly folder: string;
  readonly registries: SpecRegistries;
  readonly signal: AbortSignal;
}

/**
 * Fetches the charts and reads the values files of all releases.
 * Throws CHART_NOT_FOUND, CHART_INVALID, CHART_DEPENDENCIES_MISSING, FILE_UNREADABLE, REGISTRY_*.
 */
export async function readReleases(spec: Bundle, reading: Reading): Promise<ReleaseInput[]> {
  const inputs: ReleaseInput[] = [];
  for (const [index, release] of spec.releases.entries()) {
    inputs.push(await readRelease(spec, release, `releases[${index}]`, reading));
  }
  return inputs;
}

async function readRelease(spec: Bundle, release: Release, where: string, reading: Reading): Promise<ReleaseInput> {
  const scan = new Map<string, readonly CarriedValuesLayer[]>();
  for (const [profile, layers] of Object.entries(release.scan)) {
    scan.set(profile, await carryLayers(layers, { ...reading, where: `${where}.scan.${profile}` }));
  }
  const bytes = await fetchChart(release.chart, { ...reading, sources: spec.sources.charts });
  return {
    spec: release,
    chart: { ...readChart(bytes, describeChart(release.chart)), bytes, digest: digestOf(bytes) },
    values: await carryLayers(release.values, { ...reading, where: `${where}.values` }),
    scan,
    paths: spec.images.paths.filter((path) => path.release === release.name).map(({ path }) => path),
  };
}
