import type { Values } from '../../bundle-spec/values-layer.ts';
import { assembleDiscovery, canonical } from '../assemble-discovery.ts';
import { placeKey } from '../base-render.ts';
import type { DiscoverOptions } from '../discover.ts';
import type { Discovery, FoundReference } from '../discovery.ts';
import { type Candidate, candidatesAt } from '../image-shapes.ts';
import { withoutKeeping } from '../passing-documents.ts';
import { type ProbedBase, probeBase } from '../probe-base.ts';
import type { Reading } from '../references/find-references.ts';
import { extraReferences, ignoredReferences } from '../references/ignored-references.ts';
import type { HelmRelease } from '../render.ts';
import { parsePath } from '../values-path.ts';
import { formatGate } from './gate.ts';
import type { GateRender } from './gate-render.ts';
import { settingsOf } from './gate-run.ts';
import { type SeenValues, withWholeLists } from './whole-lists.ts';

interface GatedContext {
  /** With those of the subcharts that are left out. */
  readonly values: Values;
  /** Those of the chart alone. */
  readonly defaults: Values;
  readonly discovery: Discovery;
  readonly options: DiscoverOptions;
  readonly release: HelmRelease;
}

/** Probes, at most, beyond those that show every reference once. */
const mostProbes = 24;

/**
 * The references that open gates show, each once, with every smallest gate that shows it and with the values that control it. As few gates
 * as show every place are probed, and no more than 24 beyond those that show every reference.
 */
export async function describeGated(opened: readonly GateRender[], context: GatedContext): Promise<FoundReference[]> {
  const probed = new Map(
    await Promise.all(coverOf(opened).map(async (render) => [render, await probeGate(render, context)] as const)),
  );
  const found = opened.flatMap((render) => {
    const shown = referencesOf(probed.get(render) ?? { base: render.base, controls: [], permits: [] }, context);
    return shown.filter(({ reference }) => render.references.has(reference));
  });
  const groups = [...Map.groupBy(found, ({ reference }) => reference)].sort(([a], [b]) => (a < b ? -1 : 1));
  return groups.map(([reference, group]) => ({
    reference,
    class: 'gated',
    gates: smallestGates(opened, reference, context),
    valuesPaths: [...new Set(group.flatMap(({ valuesPaths }) => valuesPaths))].sort(),
    places: [...new Map(group.flatMap(({ places }) => places).map((place) => [JSON.stringify(place), place])).values()],
  }));
}

function referencesOf({ base, controls }: ProbedBase, context: GatedContext): readonly FoundReference[] {
  const { options, discovery, values, release } = context;
  return assembleDiscovery({
    release: release.name,
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    renders: 0,
    documents: discovery.documents,
    values,
    bases: [base],
    controls,
    permits: [],
    digests: [],
    isIgnored: ignoredReferences(options.ignore),
    isExtra: extraReferences(options.extra ?? []),
  }).references;
}

function coverOf(opened: readonly GateRender[]): GateRender[] {
  const whole = cover(opened, ({ references }) => references);
  const placed = (render: GateRender): ReadonlySet<string> => new Set(newPlaces(render).map(placeKey));
  const more = cover(opened, placed).filter((render) => !whole.includes(render));
  return [...whole, ...more.slice(0, mostProbes)];
}

/** Renders that together show everything, those with the most first. */
function cover(opened: readonly GateRender[], shownBy: (render: GateRender) => ReadonlySet<string>): GateRender[] {
  const waiting = new Map(opened.map((render) => [render, shownBy(render)]));
  const open = new Set([...waiting.values()].flatMap((shown) => [...shown]));
  const chosen: GateRender[] = [];
  while (open.size > 0) {
    const counts = [...waiting].map(([render, shown]) => ({
      render,
      shown,
      adds: [...shown].filter((one) => open.has(one)).length,
    }));
    const [best] = counts.sort((a, b) => b.adds - a.adds);
    if (best === undefined || best.adds === 0) break;
    chosen.push(best.render);
    for (const one of best.shown) open.delete(one);
  }
  return chosen;
}

function newPlaces({ base, references }: GateRender): readonly Reading[] {
  return base.places.filter((place) => references.has(canonical(place)));
}

async function probeGate(render: GateRender, { options }: GatedContext): Promise<ProbedBase> {
  const { values, base, references } = render;
  const session = withoutKeeping(render.session);
  const texts = newPlaces(render).map(({ text }) => text);
  const named = options.paths.flatMap((text) => candidatesAt(values, parsePath(text) ?? [text]));
  const isPromising = ({ head }: Candidate): boolean => head !== '' && texts.some((text) => text.includes(head));
  return probeBase({ session, values, base, named, isPromising, isWanted: (place) => references.has(canonical(place)) });
}

/** Where `a` alone is enough, `a` with `b` is no way of its own. */
function smallestGates(opened: readonly GateRender[], reference: string, seen: SeenValues): string[] {
  const gates = opened.filter(({ references }) => references.has(reference)).map(({ gate }) => gate);
  const sets = gates.map(settingsOf);
  const smallest = gates.filter((_, index) => {
    const own = sets[index] ?? new Set<string>();
    return !sets.some((other) => other.size < own.size && [...other].every((setting) => own.has(setting)));
  });
  return [...new Set(smallest.map((gate) => formatGate(withWholeLists(gate, seen))))];
}
