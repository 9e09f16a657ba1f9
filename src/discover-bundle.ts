import { dirname } from 'node:path';
import type { Bundle } from '../bundle-spec/bundle.ts';
import type { RenderedKind } from '../bundle-spec/bundle-json.ts';
import type { LockedImage } from '../bundle-spec/lock.ts';
import { findHelm } from '../helm/helm.ts';
import { formatReference, parseReference } from '../images/reference.ts';
import { checkProven, surveyReleases } from './discover-releases.ts';
import { type ReleaseInput, readReleases } from './read-releases.ts';
import { readSpec } from './read-spec.ts';
import { openSpecRegistries, type SpecRegistries } from './spec-registries.ts';
import type { ReleaseSurvey, SurveyedImage } from './survey-release.ts';

/** One image of the bundle and why it is there. */
export type DiscoveredImage = Pick<LockedImage, 'reference' | 'class' | 'gates' | 'valuesPaths' | 'places'>;

/** A spec with its charts in hand and every reference they make. */
export interface DiscoveredBundle {
  readonly spec: Bundle;
  readonly releases: readonly ReleaseInput[];
  /** In the order of `releases`. */
  readonly surveys: readonly ReleaseSurvey[];
  /** What travels, sorted by reference. */
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
  const discovered = await surveyBundle(file, options);
  checkProven(discovered.surveys);
  return discovered;
}

/** The same, with what is not proven in the surveys' `leftovers`: throws no REWRITE_UNPROVEN. */
export async function surveyBundle(file: string, options: { readonly signal: AbortSignal }): Promise<DiscoveredBundle> {
  const spec = await readSpec(file, options);
  const registries = await openSpecRegistries(spec.sources.images, { folder: dirname(file), ...options });
  try {
    return await surveySpec(spec, { folder: dirname(file), registries, ...options });
  } finally {
    await registries.close();
  }
}

interface SpecOptions {
  /** Where the paths of the spec begin. */
  readonly folder: string;
  readonly registries: SpecRegistries;
  readonly signal: AbortSignal;
}

/** `discoverBundle` for a spec that has been read. */
export async function discoverSpec(spec: Bundle, options: SpecOptions): Promise<DiscoveredBundle> {
  const discovered = await surveySpec(spec, options);
  checkProven(discovered.surveys);
  return discovered;
}

async function surveySpec(spec: Bundle, options: SpecOptions): Promise<DiscoveredBundle> {
  const helm = await findHelm(options);
  const releases = await readReleases(spec, options);
  const surveys = await surveyReleases(helm, spec, releases, { gates: true, signal: options.signal });
  return {
    spec,
    releases,
    surveys,
    images: shippedImages(spec, surveys),
    kinds: new Map(surveys.map(({ release, kinds }) => [release, kinds])),
    renders: surveys.reduce((sum, { renders }) => sum + renders, 0),
  };
}

/** What travels: what the surveys ship, and `images.extra`. */
function shippedImages(spec: Bundle, surveys: readonly ReleaseSurvey[]): DiscoveredImage[] {
  const shipped = surveys.flatMap(({ release, images }) =>
    images.filter(({ ships }) => ships).map((image) => ({ release, image })),
  );
  const found = [...Map.groupBy(shipped, ({ image }) => image.reference).values()].map(uniteReleases);
  const known = new Set(found.map(({ reference }) => reference));
  const extra = [...new Set(spec.images.extra.map((text) => formatReference(parseReference(text))))].map(extraImage);
  return [...found, ...extra.filter(({ reference }) => !known.has(reference))].sort((a, b) =>
    a.reference < b.reference ? -1 : 1,
  );
}

/** The same image of several releases: used by one, it is used, whatever gates keep it from another. */
function uniteReleases(group: readonly { readonly release: string; readonly image: SurveyedImage }[]): DiscoveredImage {
  const [first] = group;
  if (first === undefined) throw new Error('a group has members');
  const shown = (['used', 'hard-coded', 'gated'] as const).find((one) => group.some(({ image }) => image.class === one));
  return {
    reference: first.image.reference,
    class: shown ?? 'gated',
    gates: shown === 'gated' ? [...new Set(group.flatMap(({ image }) => image.gates))] : [],
    valuesPaths: group.flatMap(({ release, image }) => image.valuesPaths.map((path) => `${release}:${path}`)).sort(),
    places: group.flatMap(({ image }) => image.places),
  };
}

function extraImage(reference: string): DiscoveredImage {
  return { reference, class: 'extra', gates: [], valuesPaths: [], places: [] };
}
