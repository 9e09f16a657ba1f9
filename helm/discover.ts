import type { RenderedKind } from '../bundle-spec/bundle-json.ts';
import type { Values } from '../bundle-spec/values-layer.ts';
import { formatReference } from '../images/reference.ts';
import { chooseRewrites } from './choose-rewrites.ts';
import type { Discovery, FoundReference } from './discovery.ts';
import { readEffectiveValues } from './effective-values.ts';
import { type Reading, readReferences } from './find-references.ts';
import type { Helm } from './helm.ts';
import { ignoredReferences } from './ignored-references.ts';
import { type Candidate, candidatesAt, findCandidates } from './image-shapes.ts';
import { type BaseRender, type Control, placeKey } from './judge-probe.ts';
import { describeLeftover, placeOf } from './leftovers.ts';
import type { RenderedObject } from './manifest-stream.ts';
import type { FixedRewrite } from './overrides.ts';
import { Prober } from './probe.ts';
import { asReference, pinOf } from './reference-text.ts';
import type { HelmRelease } from './render.ts';
import { openSession, type RenderSession } from './render-session.ts';
import { parsePath } from './values-path.ts';

export interface DiscoverOptions {
  /** Minors to render for, at least one. */
  readonly kubernetes: readonly string[];
  /** `images.paths` of the spec for this release, in helm's `--set` syntax. */
  readonly paths: readonly string[];
  /** `images.ignore` of the spec. */
  readonly ignore: readonly string[];
  /** API versions that the charts see beside those that helm knows. Default none. */
  readonly apiVersions?: readonly string[];
  /** Scan profile that `release.values` belong to, for the places. Default none: the values as deployed. */
  readonly profile?: string;
  readonly signal: AbortSignal;
}

/**
 * Finds every image of a release by probe render, and the values paths that decide where each comes from (docs/architecture.md). Renders
 * with the release's own values and with sentinels; asks no registry and no cluster.
 * Throws RENDER_FAILED, RENDER_UNREADABLE, CHART_INVALID, and REFERENCE_INVALID for a pod image that is no reference.
 */
export async function discoverRelease(helm: Helm, release: HelmRelease, options: DiscoverOptions): Promise<Discovery> {
  const session = openSession(helm, release, options);
  const [values, streams] = await Promise.all([
    readEffectiveValues(helm, release, options),
    Promise.all(options.kubernetes.map(async (kubernetes) => ({ kubernetes, stream: await session.print(kubernetes) }))),
  ]);
  const isIgnored = ignoredReferences(options.ignore);
  const named = options.paths.flatMap((text) => candidatesAt(values, parsePath(text) ?? [text]));
  const controls: Control[] = [];
  const permits = new Map<string, FixedRewrite>();
  const bases: BaseRender[] = [];
  for (const [index, { kubernetes, stream }] of streams.entries()) {
    // Most charts render the same for every minor; what was probed once then holds for all.
    const twin = streams.findIndex((other) => other.stream === stream);
    if (twin < index) {
      bases.push({ ...(bases[twin] ?? { objects: [], places: [] }), kubernetes });
      continue;
    }
    const probed = await probeBase(session, values, readBase(session.read(stream), kubernetes), named, isIgnored);
    bases.push(probed.base);
    controls.push(...probed.controls);
    for (const permit of probed.permits) permits.set(JSON.stringify(permit.path), permit);
  }
  return assemble({ session, values, bases, controls, permits: [...permits.values()], isIgnored, options });
}

/** The objects of an unprobed render and every place in them where a reference stands for certain. */
export function readBase(objects: readonly RenderedObject[], kubernetes: string): BaseRender {
  const first = objects.flatMap((object) => readReferences(object, { known: new Set() }));
  // A reference that is certain in one place is one wherever it stands, written out with its tag.
  const known = new Set(first.map(({ text }) => text).filter((text) => pinOf(text) !== '' && /\/|\d\.\d|@/.test(text)));
  const places = objects.flatMap((object) => readReferences(object, { known }));
  return { kubernetes, objects, places };
}

interface ProbedBase {
  /** With the places that only a sentinel showed. */
  readonly base: BaseRender;
  readonly controls: readonly Control[];
  readonly permits: readonly FixedRewrite[];
}

async function probeBase(
  session: RenderSession,
  values: Values,
  base: BaseRender,
  named: readonly Candidate[],
  isIgnored: (text: string) => boolean,
): Promise<ProbedBase> {
  const prober = new Prober(session, values, base);
  const candidates = findCandidates(values, [...new Set(base.places.map(({ text }) => text))]);
  const paths = new Set(named.map(({ path }) => JSON.stringify(path)));
  const others = candidates.filter(({ path }) => !paths.has(JSON.stringify(path)));
  const controls = [...(await prober.probe([...named, ...others.filter(({ rank }) => rank === 'likely')]))];
  for (const rank of ['inner', 'bare'] as const) {
    const done = new Set(controls.map(({ place }) => placeKey(place)));
    const open = base.places.filter((place) => !done.has(placeKey(place)) && !isIgnored(place.text)).map(({ text }) => text);
    const hopeful = others.filter((candidate) => candidate.rank === rank && open.some((text) => text.startsWith(candidate.head)));
    const more = await prober.probe(hopeful);
    controls.push(...more.filter(({ place }) => !done.has(placeKey(place))));
  }
  return { base: { ...base, places: withPlacesOf(base, controls) }, controls, permits: prober.permits };
}

function withPlacesOf(base: BaseRender, controls: readonly Control[]): readonly Reading[] {
  const places = new Map(base.places.map((place) => [placeKey(place), place]));
  for (const { place } of controls) if (!places.has(placeKey(place))) places.set(placeKey(place), place);
  return [...places.values()];
}

interface Assembly {
  readonly session: RenderSession;
  readonly values: Values;
  readonly bases: readonly BaseRender[];
  readonly controls: readonly Control[];
  readonly permits: readonly FixedRewrite[];
  readonly isIgnored: (text: string) => boolean;
  readonly options: DiscoverOptions;
}

function assemble({ session, values, bases, controls, permits, isIgnored, options }: Assembly): Discovery {
  const isWanted = ({ place }: Control): boolean => !isIgnored(place.text) && (place.complete || place.text.includes('/'));
  const { rewrite, pathsOf } = chooseRewrites(controls, isWanted, values);
  // An ignored reference whose path is rewritten for the sake of another becomes local as well, so it has to travel.
  const stays = (place: Reading): boolean => isIgnored(place.text) && !pathsOf.has(placeKey(place));
  const kept = bases.map((base) => ({ ...base, places: base.places.filter((place) => !stays(place)) }));
  const places = new Map(kept.flatMap((base) => base.places.map((place) => [placeKey(place), place] as const)));
  const found = [...places.values()].filter(({ complete }) => complete);
  const { name: release } = session.release;
  const context = { release, ...(options.profile === undefined ? {} : { profile: options.profile }) };
  return {
    references: collectReferences(found, pathsOf, context),
    rewrite: [...permits, ...rewrite],
    leftovers: found
      .filter((place) => !pathsOf.has(placeKey(place)))
      .map((place) => describeLeftover(place, place.text, 'hard-coded', context)),
    kinds: collectKinds(bases),
    renders: session.renders,
    values,
    bases: kept,
  };
}

interface Context {
  readonly release: string;
  readonly profile?: string;
}

function collectReferences(
  places: readonly Reading[],
  pathsOf: ReadonlyMap<string, readonly string[]>,
  context: Context,
): FoundReference[] {
  const groups = Map.groupBy(places, (place) => canonical(place));
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([reference, group]) => {
      const valuesPaths = [...new Set(group.flatMap((place) => pathsOf.get(placeKey(place)) ?? []))].sort();
      const origin = valuesPaths.length > 0 ? 'values' : 'hard-coded';
      return { reference, origin, valuesPaths, places: group.map((place) => placeOf(place, context)) };
    });
}

function canonical(place: Reading): string {
  const reference = asReference(place.text);
  return reference === undefined ? place.text : formatReference(reference);
}

/** Tests are rendered for their images, but an install does not create them. */
function collectKinds(bases: readonly BaseRender[]): RenderedKind[] {
  const kinds = new Map<string, RenderedKind>();
  for (const { apiVersion, kind, namespace, hook } of bases.flatMap(({ objects }) => objects)) {
    if (hook !== undefined && hook.split(',').every((event) => /^\s*test/.test(event))) continue;
    const entry = { apiVersion, kind, ...(namespace === undefined ? {} : { namespace }) };
    kinds.set(JSON.stringify(entry), entry);
  }
  return [...kinds].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}
