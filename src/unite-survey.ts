import type { RenderedKind } from '../bundle-spec/bundle-json.ts';
import type { Finding } from '../bundle-spec/finding.ts';
import type { FoundReference, Leftover } from '../helm/discovery.ts';
import type { Rewritable } from '../helm/prove.ts';
import type { SurveyedImage } from './survey-release.ts';
import type { SurveyedVariants, Variant } from './survey-variants.ts';

/** One entry a reference, sorted; its places, paths and gates are those of all renders, each once. */
export function uniteImages(survey: SurveyedVariants): SurveyedImage[] {
  const rendered = survey.variants.flatMap(({ gate, discovery }) => discovery.references.map((found) => ({ gate, found })));
  const others = [...survey.gated, ...survey.declared].map((found) => ({ gate: undefined, found }));
  const groups = Map.groupBy([...rendered, ...others], ({ found }) => found.reference);
  const images = [...groups].map(([reference, group]): SurveyedImage => {
    const profiles = group.flatMap(({ gate }) => gate ?? []);
    const found = group.map((one) => one.found);
    const shown = classOf(group);
    const isGated = shown === 'gated';
    return {
      reference,
      class: shown,
      gates: isGated ? unique([...profiles, ...found.flatMap(({ gates }) => gates)]) : [],
      valuesPaths: unique(found.flatMap(({ valuesPaths }) => valuesPaths)).sort(),
      places: unitePlaces(found.flatMap(({ places }) => places)),
      rewritable: rewritability(reference, found, survey.variants),
      ships: isGated ? profiles.length > 0 || survey.takes(reference) : shown !== 'declared',
    };
  });
  return images.sort((a, b) => (a.reference < b.reference ? -1 : 1));
}

/** What renders as deployed is not gated, whatever else shows it. */
function classOf(
  group: readonly { readonly gate: string | undefined; readonly found: FoundReference }[],
): FoundReference['class'] {
  const deployed = group.flatMap(({ gate, found }) => (gate === undefined ? [found.class] : []));
  for (const shown of ['used', 'hard-coded', 'gated'] as const) if (deployed.includes(shown)) return shown;
  return group.some(({ gate }) => gate !== undefined) ? 'gated' : 'declared';
}

/** The worst of all variants. What only a gate shows is `values` where a probe proved a path, and else left to the post-renderer. */
function rewritability(reference: string, found: readonly FoundReference[], variants: readonly Variant[]): Rewritable {
  const proven = variants.flatMap(({ rewrite }) => rewrite.rewritable.get(reference) ?? []);
  for (const way of ['no', 'post-render', 'values'] as const) if (proven.includes(way)) return way;
  return found.some(({ valuesPaths }) => valuesPaths.length > 0) ? 'values' : 'post-render';
}

/** A place that shows as deployed is not named again for each scan profile. */
function unitePlaces(places: FoundReference['places']): FoundReference['places'] {
  const byPlace = Map.groupBy(places, ({ profile: _, ...place }) => JSON.stringify(place));
  return [...byPlace.values()].flatMap(([first]) => (first === undefined ? [] : [first]));
}

/** Of all variants: as deployed, and of every scan profile. */
export function uniteLeftovers({ variants }: SurveyedVariants): Leftover[] {
  return variants.flatMap(({ rewrite }) => rewrite.leftovers);
}

/** Sorted, each once. */
export function uniteFindings({ findings }: SurveyedVariants): Finding[] {
  return sortedByText(findings);
}

/** Sorted, each once. */
export function uniteKinds({ variants }: SurveyedVariants): RenderedKind[] {
  return sortedByText(variants.flatMap(({ discovery }) => discovery.kinds));
}

function sortedByText<T>(items: readonly T[]): T[] {
  const byText = new Map(items.map((item) => [JSON.stringify(item), item]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
