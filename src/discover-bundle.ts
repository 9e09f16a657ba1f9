import { dirname } from 'node:path';
import type { Bundle } from '../bundle-spec/bundle.ts';
import type { RenderedKind } from '../bundle-spec/bundle-json.ts';
import type { LockedImage } from '../bundle-spec/lock.ts';
import { findHelm } from '../helm/helm.ts';
import { formatReference, parseReference } from '../images/reference.ts';
import { discoverReleases } from './discover-releases.ts';
import { type ReleaseInput, readReleases } from './read-releases.ts';
import { readSpec } from './read-spec.ts';
import { openSpecRegistries, type SpecRegistries } from './spec-registries.ts';

/** One image of the bundle and why it is there. */
export type DiscoveredImage = Pick<LockedImage, 'reference' | 'class' | 'gates' | 'valuesPaths' | 'places'>;

/** A spec with its charts in hand and every reference they make, each rewrite proven. */
export interface DiscoveredBundle {
  readonly spec: Bundle;
  readonly releases: readonly ReleaseInput[];
  /** Sorted by reference. */
  readonly images: readonly DiscoveredImage[];
  /** Kinds that each release renders, by release name. */
  readonly kinds: ReadonlyMap<string, readonly RenderedKind[]>;
  /** Renders that helm did. */
  readonly renders: number;
}

/**
 * Reads the spec in `file`, fetches its charts and finds every image they will run. Asks no image registry.
 * Throws SPEC_INVALID, REFERENCE_INVALID, CHART_*, HELM_*, RENDER_*, and REWRITE_UNPROVEN with every reference that cannot be rewritten.
 */
export async function discoverBundle(file: string, options: { readonly signal: AbortSignal }): Promise<DiscoveredBundle> {
  const spec = await readSpec(file, options);
  const registries = await openSpecRegistries(spec.sources.images, { folder: dirname(file), ...options });
  try {
    return await discoverSpec(spec, { folder: dirname(file), registries, ...options });
  } finally {
    await registries.close();
  }
}

/** The same for a spec that has been read; `folder` is where its paths begin. */
export async function discoverSpec(
  spec: Bundle,
  options: { readonly folder: string; readonly registries: SpecRegistries; readonly signal: AbortSignal },
): Promise<DiscoveredBundle> {
  const helm = await findHelm(options);
  const releases = await readReleases(spec, options);
  const { images, kinds, renders } = await discoverReleases(helm, spec, releases, options);
  const extra = spec.images.extra.map((text) => extraImage(formatReference(parseReference(text))));
  const found = new Set(images.map(({ reference }) => reference));
  const all = [...images, ...extra.filter(({ reference }) => !found.has(reference))];
  return { spec, releases, images: all.sort((a, b) => (a.reference < b.reference ? -1 : 1)), kinds, renders };
}

function extraImage(reference: string): DiscoveredImage {
  return { reference, class: 'extra', gates: [], valuesPaths: [], places: [] };
}
