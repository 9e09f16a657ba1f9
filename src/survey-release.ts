import type { Bundle } from '../bundle-spec/bundle.ts';
import type { RenderedKind } from '../bundle-spec/bundle-json.ts';
import type { Finding } from '../bundle-spec/finding.ts';
import type { Rewritable } from '../bundle-spec/found-image.ts';
import type { FoundReference, Leftover } from '../helm/discovery.ts';
import type { Helm } from '../helm/helm.ts';
import type { ValuesText } from '../helm/render.ts';
import { withChartFile } from './chart-file.ts';
import type { PackedChart } from './read-releases.ts';
import { type SurveyCache, surveyKey, userCache } from './survey-cache.ts';
import { surveyVariants } from './survey-variants.ts';
import { uniteFindings, uniteImages, uniteKinds, uniteLeftovers } from './unite-survey.ts';

/** A chart with the values of one release: all that a survey looks at. */
export interface SurveyInput {
  readonly name: string;
  readonly namespace: string;
  readonly chart: Pick<PackedChart, 'name' | 'version' | 'bytes' | 'digest'>;
  /** In order of precedence: a later layer wins. */
  readonly values: readonly ValuesText[];
  /** Scan profiles, by name: layers on top of `values`. */
  readonly profiles: ReadonlyMap<string, readonly ValuesText[]>;
  /** Kubernetes versions to render for, `1.36` or `1.36.3`, at least one. */
  readonly kubernetes: readonly string[];
  /** API versions that the charts see beside those that helm knows. Default none. */
  readonly apiVersions?: readonly string[];
  /** `images.paths` of this release. */
  readonly paths: readonly string[];
  readonly ignore: readonly string[];
  readonly extra: readonly string[];
  /** `images.gated` of the spec: which gated images travel. Default `report`, none but those that a scan profile shows. */
  readonly gated?: Bundle['images']['gated'];
}

/** How far to look, and where to look first. */
export interface SurveyOptions {
  /** Look for images behind switches that no scan profile turns on. */
  readonly gates: boolean;
  /** Where earlier surveys are found. Default the user's cache, unless `DIOLKOS_CACHE` is `off`. */
  readonly cache?: SurveyCache | 'off';
  readonly signal: AbortSignal;
}

/** An image of a release, how it was found, and what becomes of it. */
export interface SurveyedImage extends FoundReference {
  /** What brings it from the site's registry: values, the post-renderer, or nothing. */
  readonly rewritable: Rewritable;
  /** It goes into a bundle: it renders as deployed or with a scan profile, or `images.gated` takes it. */
  readonly ships: boolean;
  /** Values decide the digest it is pinned by, in every render that shows it; false for one with a tag alone. */
  readonly digestFromValues: boolean;
}

/**
 * All that is known of one release: as deployed, with every scan profile, for every Kubernetes minor. Holds references, places, paths and
 * findings, never values or objects, so it may be stored and printed.
 */
export interface ReleaseSurvey {
  readonly release: string;
  readonly chart: { readonly name: string; readonly version: string };
  /** Sorted by reference. */
  readonly images: readonly SurveyedImage[];
  /** References of shipped images, and any other of those renders, that are not proven to become local. */
  readonly leftovers: readonly Leftover[];
  readonly findings: readonly Finding[];
  /** What the release renders as deployed, with every scan profile, and with the gates of shipped images open. */
  readonly kinds: readonly RenderedKind[];
  /** Renders that helm did for this survey; 0 when it came from the cache. */
  readonly renders: number;
  /** How long it took. */
  readonly seconds: number;
}

/**
 * Finds the images of a release and proves that each can be rewritten; what is not proven is told in `leftovers`, not thrown. What an
 * earlier run found for the same input comes from the cache. Throws RENDER_*, CHART_INVALID, and REFERENCE_INVALID for a pod image that is
 * no reference.
 */
export async function surveyRelease(helm: Helm, input: SurveyInput, options: SurveyOptions): Promise<ReleaseSurvey> {
  const started = performance.now();
  const { cache = userCache() } = options;
  if (cache === 'off' || cache === undefined) return await surveyAnew(helm, input, options);
  const key = surveyKey(helm, input, options);
  const stored = await cache.load(key);
  if (stored !== undefined) return { ...stored, renders: 0, seconds: secondsSince(started) };
  const survey = await surveyAnew(helm, input, options);
  const { renders: _, seconds: __, ...lasting } = survey;
  await cache.store(key, lasting);
  return survey;
}

async function surveyAnew(helm: Helm, input: SurveyInput, options: SurveyOptions): Promise<ReleaseSurvey> {
  const started = performance.now();
  const survey = await withChartFile(input.chart, (chart) => surveyVariants(helm, { input, chart }, options));
  return {
    release: input.name,
    chart: { name: input.chart.name, version: input.chart.version },
    images: uniteImages(survey),
    leftovers: uniteLeftovers(survey),
    findings: uniteFindings(survey),
    kinds: uniteKinds(survey),
    renders: survey.renders,
    seconds: secondsSince(started),
  };
}

function secondsSince(started: number): number {
  return (performance.now() - started) / 1000;
}
