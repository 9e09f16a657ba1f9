import type { Values } from '../bundle-spec/values-layer.ts';
import { assembleDiscovery, canonical } from './assemble-discovery.ts';
import type { DiscoverOptions } from './discover.ts';
import type { Discovery, FoundReference } from './discovery.ts';
import { formatGate } from './gate.ts';
import type { GateRender } from './gate-render.ts';
import { settingsOf } from './gate-run.ts';
import { extraReferences, ignoredReferences } from './ignored-references.ts';
import { type Candidate, candidatesAt } from './image-shapes.ts';
import { type ProbedBase, probeBase } from './probe-base.ts';
import type { HelmRelease } from './render.ts';
import { parsePath } from './values-path.ts';

interface GatedContext {
  /** With those of the subcharts that are left out. */
  readonly values: Values;
  readonly discovery: Discovery;
  readonly options: DiscoverOptions;
  readonly release: HelmRelease;
}

/**
 * The references that open gates show, each once, with every smallest gate that shows it and with the values that control it: for each
 * reference one of its gates is probed, as few renders as cover them all.
 */
export async function describeGated(opened: readonly GateRender[], context: GatedContext): Promise<FoundReference[]> {
  const probed = new Map(
    await Promise.all(coverOf(opened).map(async (render) => [render, await probeGate(render, context)] as const)),
  );
  const { options, discovery, values, release } = context;
  const { references } = assembleDiscovery({
    release: release.name,
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    renders: 0,
    documents: discovery.documents,
    values,
    bases: opened.map((render) => probed.get(render)?.base ?? render.base),
    controls: [...probed.values()].flatMap(({ controls }) => controls),
    permits: [],
    isIgnored: ignoredReferences(options.ignore),
    isExtra: extraReferences(options.extra ?? []),
  });
  const known = new Set(opened.flatMap((render) => [...render.references]));
  return references
    .filter(({ reference }) => known.has(reference))
    .map((found) => ({ ...found, class: 'gated', gates: smallestGates(opened, found.reference) }));
}

/** Gates that together show every reference, those with the most first. */
function coverOf(opened: readonly GateRender[]): GateRender[] {
  const cover: GateRender[] = [];
  const open = new Set(opened.flatMap(({ references }) => [...references]));
  while (open.size > 0) {
    const adds = ({ references }: GateRender): number => [...references].filter((reference) => open.has(reference)).length;
    const [best] = opened.toSorted((a, b) => adds(b) - adds(a));
    if (best === undefined) break;
    cover.push(best);
    for (const reference of best.references) open.delete(reference);
  }
  return cover;
}

async function probeGate({ session, values, base, references }: GateRender, { options }: GatedContext): Promise<ProbedBase> {
  const texts = base.places.filter((place) => references.has(canonical(place))).map(({ text }) => text);
  const named = options.paths.flatMap((text) => candidatesAt(values, parsePath(text) ?? [text]));
  const isPromising = ({ head }: Candidate): boolean => head !== '' && texts.some((text) => text.includes(head));
  return probeBase({ session, values, base, named, isPromising, isWanted: (place) => references.has(canonical(place)) });
}

/** Where `a` alone is enough, `a` with `b` is no way of its own. */
function smallestGates(opened: readonly GateRender[], reference: string): string[] {
  const gates = opened.filter(({ references }) => references.has(reference)).map(({ gate }) => gate);
  const sets = gates.map(settingsOf);
  const smallest = gates.filter((_, index) => {
    const own = sets[index] ?? new Set<string>();
    return !sets.some((other) => other.size < own.size && [...other].every((setting) => own.has(setting)));
  });
  return [...new Set(smallest.map(formatGate))];
}
