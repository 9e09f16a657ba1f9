import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { BundleJson, CarriedChart, CarriedRelease } from '../bundle-spec/bundle-json.ts';
import type { Lock } from '../bundle-spec/lock.ts';
import { apiVersion } from '../bundle-spec/names.ts';
import { installFolder } from '../cluster/install-folder.ts';
import type { BundleContents, BundleHeader } from '../images/bundle/bundle-layout.ts';
import { type ChartArtifact, chartArtifact } from '../images/bundle/chart-artifact.ts';
import type { KnownBase } from '../images/bundle/delta-base.ts';
import type { ImagePlan } from '../images/plan/image-plan.ts';
import { formatReference, type Reference } from '../images/reference.ts';
import type { DiscoveredBundle } from './discover-bundle.ts';
import type { ReleaseInput } from './read-releases.ts';
import { version } from './version.ts';

/**
 * Everything that goes into the tar. Equal spec files and equal locks give equal contents.
 * Throws NAME_COLLISION when two releases bring different charts of one name and version.
 */
export function bundleContents(parts: {
  readonly discovered: DiscoveredBundle;
  readonly plans: readonly ImagePlan[];
  readonly lock: Lock;
  readonly installer: Reference | undefined;
  /** Where the signature goes; absent in a bundle that nobody signs. */
  readonly signature?: BundleJson['signature'];
  /** Makes it a delta. */
  readonly delta?: KnownBase;
}): BundleContents {
  const { discovered, plans, lock, installer, signature, delta } = parts;
  const { spec, releases, kinds } = discovered;
  const { kubernetes, platforms, helm } = spec.target;
  const artifacts = new Map(releases.map(({ chart }) => [chart.digest, chartArtifact(chart.metadata, chart.bytes)]));
  const header: BundleHeader = {
    apiVersion,
    kind: 'BundleJson',
    tool: version,
    metadata: spec.metadata,
    target: { kubernetes, platforms, helm },
    releases: releases.map((release) => carryRelease(release, artifacts, kinds)),
    images: lock.images,
    gated: lock.gated,
    charts: carryCharts(releases, artifacts),
    ...(installer === undefined ? {} : { installer: formatReference(installer) }),
    ignore: spec.images.ignore,
    ...(signature === undefined ? {} : { signature }),
    ...(delta === undefined ? {} : { base: delta.base }),
  };
  const files = installFolder(header).map(({ name, text }) => ({ name: `install/${name}`, bytes: Buffer.from(text) }));
  return {
    header,
    images: plans,
    charts: [...artifacts.values()],
    files,
    ...(delta === undefined ? {} : { held: delta.held }),
  };
}

type Artifacts = ReadonlyMap<string, ChartArtifact>;

function carryRelease(
  { spec, chart, values, scan, paths }: ReleaseInput,
  artifacts: Artifacts,
  kinds: DiscoveredBundle['kinds'],
): CarriedRelease {
  return {
    name: spec.name,
    namespace: spec.namespace,
    chart: manifestOf(artifacts, chart.digest),
    values: [...values],
    scan: Object.fromEntries([...scan].map(([profile, layers]) => [profile, [...layers]])),
    dependsOn: spec.dependsOn,
    paths: [...paths],
    kinds: [...(kinds.get(spec.name) ?? [])],
  };
}

function carryCharts(releases: readonly ReleaseInput[], artifacts: Artifacts): CarriedChart[] {
  const charts = new Map<string, CarriedChart>();
  for (const { spec, chart } of releases) {
    const { name, version: chartVersion, digest, bytes } = chart;
    const key = `${name} ${chartVersion}`;
    const other = charts.get(key);
    if (other !== undefined && other.digest !== digest) {
      throw new BundleError('NAME_COLLISION', `release ${spec.name} brings another chart ${key} than a release before it`, {
        hint: 'both would have one name in the registry; change the version in one Chart.yaml',
      });
    }
    charts.set(key, { name, version: chartVersion, digest, size: bytes.length, manifest: manifestOf(artifacts, digest) });
  }
  return [...charts.values()];
}

function manifestOf(artifacts: Artifacts, digest: string): CarriedChart['manifest'] {
  const artifact = artifacts.get(digest);
  if (artifact === undefined) throw new Error(`no artifact of chart ${digest}`);
  return artifact.manifest.descriptor.digest;
}
