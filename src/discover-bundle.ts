import type { Bundle } from '../bundle-spec/bundle.ts';
import type { RenderedKind } from '../bundle-spec/bundle-json.ts';
import type { LockedImage } from '../bundle-spec/lock.ts';
import { findHelm, type Helm } from '../helm/helm.ts';
import { formatReference, parseReference } from '../images/reference.ts';
import { type ReleaseInput, readReleases } from './read-releases.ts';
import type { SpecRegistries } from './spec-registries.ts';
import type { ReleaseSurvey, SurveyedImage } from './survey-release.ts';
import { checkProven, surveyReleases } from './survey-releases.ts';

/** One image of the bundle and why it is there. */
export interface DiscoveredImage extends Pick<LockedImage, 'reference' | 'class' | 'gates' | 'valuesPaths' | 'places'> {
  /** Values bring whatever digest is stored for it, in every release. Default false. */
  readonly digestFromValues?: boolean;
}

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
}

interface SpecOptions {
  /** Where the paths of the spec begin. */
  readonly folder: string;
  readonly registries: SpecRegistries;
  readonly signal: AbortSignal;
}

/**
 * Fetches the charts of a spec and finds every image they will run. Asks no image registry.
 * Throws REFERENCE_INVALID, CHART_*, HELM_*, RENDER_*, and REWRITE_UNPROVEN with every reference of any release that cannot be rewritten.
 */
export async function discoverSpec(spec: Bundle, options: SpecOptions): Promise<DiscoveredBundle> {
  const { helm, releases } = await readAll(spec, options);
  const surveys = await surveyReleases(helm, spec, releases, { gates: true, signal: options.signal });
  checkProven(surveys);
  return {
    spec,
    releases,
    surveys,
    images: shippedImages(spec, surveys),
    kinds: new Map(surveys.map(({ release, kinds }) => [release, kinds])),
  };
}

/** Charts are read while helm says its version. Both have ended when this throws. */
async function readAll(
  spec: Bundle,
  options: SpecOptions,
): Promise<{ readonly helm: Helm; readonly releases: readonly ReleaseInput[] }> {
  const [helm, releases] = await Promise.allSettled([findHelm(options), readReleases(spec, options)]);
  if (helm.status === 'rejected') throw helm.reason;
  if (releases.status === 'rejected') throw releases.reason;
  return { helm: helm.value, releases: releases.value };
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
    digestFromValues: group.every(({ image }) => image.digestFromValues),
  };
}

function extraImage(reference: string): DiscoveredImage {
  return { reference, class: 'extra', gates: [], valuesPaths: [], places: [] };
}
