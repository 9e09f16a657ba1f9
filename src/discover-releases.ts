import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bundle } from '../bundle-spec/bundle.ts';
import type { RenderedKind } from '../bundle-spec/bundle-json.ts';
import type { CarriedValuesLayer } from '../bundle-spec/values-layer.ts';
import { discoverRelease } from '../helm/discover.ts';
import type { Discovery, FoundReference, Leftover } from '../helm/discovery.ts';
import type { Helm } from '../helm/helm.ts';
import { rewriteUnproven } from '../helm/leftovers.ts';
import { rewriteRelease } from '../helm/prove.ts';
import type { HelmRelease, ValuesText } from '../helm/render.ts';
import type { DiscoveredImage } from './discover-bundle.ts';
import type { ReleaseInput } from './read-releases.ts';

export interface DiscoveredReleases {
  readonly images: readonly DiscoveredImage[];
  readonly kinds: ReadonlyMap<string, readonly RenderedKind[]>;
  readonly renders: number;
}

/** Stands for the registry behind the gap while a rewrite is proven on the connected side. */
const proofTarget = { host: 'registry.diolkos.invalid', prefix: '' };

/**
 * Finds the images of all releases, as deployed and for every scan profile, and proves that each can be rewritten.
 * Throws RENDER_*, and REWRITE_UNPROVEN with everything that is left in any of the renders.
 */
export async function discoverReleases(
  helm: Helm,
  spec: Bundle,
  releases: readonly ReleaseInput[],
  { signal }: { readonly signal: AbortSignal },
): Promise<DiscoveredReleases> {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-charts-'));
  try {
    const variants: DiscoveredVariant[] = [];
    for (const [index, release] of releases.entries()) {
      const chart = join(folder, `${index}.tgz`);
      await writeFile(chart, release.chart.bytes);
      for (const variant of variantsOf(release, chart)) variants.push(await discoverVariant(helm, spec, variant, signal));
    }
    const leftovers = variants.flatMap((variant) => variant.leftovers);
    if (leftovers.length > 0) throw rewriteUnproven(leftovers);
    return {
      images: unite(variants),
      kinds: kindsOf(variants),
      renders: variants.reduce((sum, { renders }) => sum + renders, 0),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One set of values of a release: as deployed, or with a scan profile on top. */
interface Variant {
  readonly input: ReleaseInput;
  readonly profile?: string;
  readonly release: HelmRelease;
}

interface DiscoveredVariant {
  readonly variant: Variant;
  readonly discovery: Discovery;
  readonly leftovers: readonly Leftover[];
  readonly renders: number;
}

function variantsOf(input: ReleaseInput, chart: string): Variant[] {
  const { name, namespace } = input.spec;
  const release = { name, namespace: namespace.name, chart };
  const values = knownTexts(input.values);
  const profiles = [...input.scan].map(([profile, layers]) => {
    return { input, profile, release: { ...release, values: [...values, ...knownTexts(layers)] } };
  });
  return [{ input, release: { ...release, values } }, ...profiles];
}

/** ConfigMaps and Secrets are read behind the gap, where the proof is made again with them. */
function knownTexts(layers: readonly CarriedValuesLayer[]): ValuesText[] {
  return layers.filter((layer) => 'text' in layer);
}

async function discoverVariant(helm: Helm, spec: Bundle, variant: Variant, signal: AbortSignal): Promise<DiscoveredVariant> {
  const { release, profile, input } = variant;
  const options = { ignore: spec.images.ignore, extra: spec.images.extra, signal, ...(profile === undefined ? {} : { profile }) };
  const discovery = await discoverRelease(helm, release, { ...options, kubernetes: spec.target.kubernetes, paths: input.paths });
  const rewrite = await rewriteRelease(helm, release, discovery, proofTarget, options);
  return { variant, discovery, leftovers: rewrite.leftovers, renders: discovery.renders + rewrite.renders };
}

/** One entry a reference; its places and paths are those of all renders, each once. */
function unite(variants: readonly DiscoveredVariant[]): DiscoveredImage[] {
  const found = variants.flatMap(({ variant, discovery }) =>
    discovery.references.map((reference) => ({ release: variant.release.name, reference })),
  );
  return [...Map.groupBy(found, ({ reference }) => reference.reference)].map(([reference, group]) => ({
    reference,
    class: group.some((one) => one.reference.class === 'used') ? 'used' : 'hard-coded',
    gates: [],
    valuesPaths: [...new Set(group.flatMap((one) => one.reference.valuesPaths.map((path) => `${one.release}:${path}`)))].sort(),
    places: unitePlaces(group.flatMap((one) => one.reference.places)),
  }));
}

/** A place that shows as deployed is not named again for each scan profile. */
function unitePlaces(places: FoundReference['places']): DiscoveredImage['places'] {
  const byPlace = Map.groupBy(places, ({ profile: _, ...place }) => JSON.stringify(place));
  return [...byPlace.values()].flatMap(([first]) => (first === undefined ? [] : [first]));
}

function kindsOf(variants: readonly DiscoveredVariant[]): Map<string, readonly RenderedKind[]> {
  const byRelease = Map.groupBy(variants, ({ variant }) => variant.release.name);
  return new Map([...byRelease].map(([name, group]) => [name, uniqueKinds(group.flatMap(({ discovery }) => discovery.kinds))]));
}

function uniqueKinds(kinds: readonly RenderedKind[]): RenderedKind[] {
  const unique = new Map(kinds.map((kind) => [JSON.stringify(kind), kind]));
  return [...unique].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, kind]) => kind);
}
