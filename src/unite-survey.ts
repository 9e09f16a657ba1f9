import type { RenderedKind } from '../bundle-spec/bundle-json.ts';
import type { Finding } from '../bundle-spec/finding.ts';
import type { Rewritable } from '../bundle-spec/found-image.ts';
import type { Digest } from '../bundle-spec/names.ts';
import type { FoundReference, Leftover } from '../helm/discovery.ts';
import { formatReference, parseReference } from '../images/reference.ts';
import type { SurveyedImage } from './survey-release.ts';
import type { Variant } from './survey-variant.ts';
import type { SurveyedVariants } from './survey-variants.ts';

/** What is read of each render. */
export interface ShownVariant extends Pick<Variant, 'movable'> {
  readonly discovery: Pick<Variant['discovery'], 'references' | 'dumped' | 'kinds'>;
  readonly rewrite: Pick<Variant['rewrite'], 'leftovers' | 'rewritable'>;
}

/** What is read of all renders of a release. */
export interface ShownVariants extends Omit<SurveyedVariants, 'deployed' | 'profiles' | 'opened'> {
  readonly deployed: ShownVariant;
  readonly profiles: ReadonlyMap<string, ShownVariant>;
  readonly opened: readonly ShownVariant[];
}

/** One entry a reference, sorted; its places, paths and gates are those of all renders, each once. */
export function uniteImages(survey: ShownVariants): SurveyedImage[] {
  const groups = Map.groupBy(allFound(survey), ({ found }) => found.reference);
  const images = [...groups].map(([reference, group]): SurveyedImage => {
    const found = group.map((one) => one.found);
    const shown = classOf(group);
    const profiles = group.flatMap(({ profile }) => (profile === undefined ? [] : [`profile ${profile}`]));
    return {
      reference,
      class: shown,
      gates: shown === 'gated' ? unique([...profiles, ...found.flatMap(({ gates }) => gates)]) : [],
      valuesPaths: unique(found.flatMap(({ valuesPaths }) => valuesPaths)).sort(),
      places: unitePlaces(found.flatMap(({ places }) => places)),
      rewritable: rewritability(reference, found, survey),
      ships: shown === 'gated' ? profiles.length > 0 || survey.taken.has(reference) : shown !== 'declared',
      digestFromValues: isFromValues(reference, survey),
    };
  });
  return [...images, ...runtimeImages(survey)].sort((a, b) => (a.reference < b.reference ? -1 : 1));
}

/** Repositories that a program pulls from by a tag of its own; one entry each. */
function runtimeImages(survey: ShownVariants): SurveyedImage[] {
  const untagged = uniteLeftovers(survey).filter(({ reason }) => reason === 'untagged');
  return [...Map.groupBy(untagged, ({ reference }) => repositoryOf(reference))].map(([reference, group]) => ({
    reference,
    class: 'runtime',
    gates: [],
    valuesPaths: [],
    places: unitePlaces(group.map(({ place }) => place)),
    rewritable: 'no',
    ships: false,
    digestFromValues: false,
  }));
}

function repositoryOf(text: string): string {
  return formatReference(parseReference(text)).replace(/:latest$/, '');
}

interface Found {
  readonly found: FoundReference;
  readonly profile?: string;
}

function allFound({ deployed, profiles, opened, taken, gated, declared }: ShownVariants): Found[] {
  return [
    ...deployed.discovery.references.map((found) => ({ found })),
    ...[...profiles].flatMap(([profile, { discovery }]) => discovery.references.map((found) => ({ found, profile }))),
    ...[...gated, ...declared].map((found) => ({ found })),
    ...opened.flatMap(({ discovery }) =>
      discovery.references.filter(({ reference }) => taken.has(reference)).map((found) => ({ found: asGated(found) })),
    ),
  ];
}

function asGated(found: FoundReference): FoundReference {
  return { ...found, class: 'gated' };
}

/** What renders as deployed is not gated, whatever else shows it. */
function classOf(group: readonly Found[]): FoundReference['class'] {
  const deployed = group.flatMap(({ profile, found }) => (profile === undefined ? [found.class] : []));
  for (const shown of ['used', 'hard-coded', 'gated'] as const) if (deployed.includes(shown)) return shown;
  return group.some(({ profile }) => profile !== undefined) ? 'gated' : 'declared';
}

/** The worst of all that ships. What only a gate shows is `values` where a probe proved a path, and else left to the post-renderer. */
function rewritability(reference: string, found: readonly FoundReference[], survey: ShownVariants): Rewritable {
  const variants = [survey.deployed, ...survey.profiles.values(), ...(survey.taken.has(reference) ? survey.opened : [])];
  const proven = variants.flatMap(({ rewrite }) => rewrite.rewritable.get(reference) ?? []);
  for (const way of ['no', 'post-render', 'values'] as const) if (proven.includes(way)) return way;
  return found.some(({ valuesPaths }) => valuesPaths.length > 0) ? 'values' : 'post-render';
}

/** Another image may be pinned by the same digest: what holds of one of them has to hold of all. */
function isFromValues(image: string, { deployed, profiles, opened }: ShownVariants): boolean {
  const digest = /@(sha256:[0-9a-f]{64})$/.exec(image)?.[1] as Digest | undefined;
  if (digest === undefined) return false;
  const shows = ({ discovery }: ShownVariant): boolean =>
    [...discovery.references, ...discovery.dumped].some(({ reference }) => reference.endsWith(digest));
  const showing = [deployed, ...profiles.values(), ...opened].filter(shows);
  return showing.length > 0 && showing.every(({ movable }) => movable.has(digest));
}

/** A place that shows as deployed is not named again for each scan profile. */
function unitePlaces(places: FoundReference['places']): FoundReference['places'] {
  const byPlace = Map.groupBy(places, ({ profile: _, ...place }) => JSON.stringify(place));
  return [...byPlace.values()].flatMap(([first]) => (first === undefined ? [] : [first]));
}

/** Of the values as deployed, of every scan profile, and of the images that `images.gated` takes. */
export function uniteLeftovers({ deployed, profiles, opened, taken }: ShownVariants): Leftover[] {
  const rendered = [deployed, ...profiles.values()].flatMap(({ rewrite }) => rewrite.leftovers);
  return [...rendered, ...opened.flatMap((variant) => leftoversOf(variant, taken))];
}

function leftoversOf({ discovery, rewrite }: ShownVariant, taken: ReadonlySet<string>): Leftover[] {
  const wanted = discovery.references.filter(({ reference }) => taken.has(reference));
  const places = new Set(wanted.flatMap((found) => found.places.map((place) => JSON.stringify(place))));
  return rewrite.leftovers.filter(({ place }) => places.has(JSON.stringify(place)));
}

/** Sorted, each once. */
export function uniteFindings({ findings }: ShownVariants): Finding[] {
  return sortedByText(findings);
}

/** Sorted, each once. */
export function uniteKinds({ deployed, profiles, opened }: ShownVariants): RenderedKind[] {
  return sortedByText([deployed, ...profiles.values(), ...opened].flatMap(({ discovery }) => discovery.kinds));
}

function sortedByText<T>(items: readonly T[]): T[] {
  const byText = new Map(items.map((item) => [JSON.stringify(item), item]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
