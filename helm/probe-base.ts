import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Values } from '../bundle-spec/values-layer.ts';
import { type BaseRender, placeKey } from './base-render.ts';
import { type Candidate, findCandidates } from './image-shapes.ts';
import type { Control } from './judge-probe.ts';
import type { FixedRewrite } from './overrides.ts';
import { Prober } from './probe.ts';
import type { Reading } from './references/find-references.ts';
import type { RenderSession } from './render-session.ts';
import { findUnsetSlots } from './unset-slots.ts';

/** An unprobed render after its probes. */
export interface ProbedBase {
  /** With the places that only a sentinel showed. */
  readonly base: BaseRender;
  readonly controls: readonly Control[];
  readonly permits: readonly FixedRewrite[];
}

/** What is probed, and for which places. */
export interface ProbeRequest {
  readonly session: RenderSession;
  readonly values: Values;
  readonly base: BaseRender;
  /** Candidates that the spec names. */
  readonly named: readonly Candidate[];
  /** False for places that need no value: what controls them is not looked for beyond the first probe. */
  readonly isWanted: (place: Reading) => boolean;
  /** Which of the likely candidates the first probe tries. Default all. */
  readonly isPromising?: (candidate: Candidate) => boolean;
}

/** Finds the values that control the places of `base`: likely candidates at once, the others for what is then still open. */
export async function probeBase({ session, values, base, named, isWanted, ...request }: ProbeRequest): Promise<ProbedBase> {
  const { isPromising = () => true } = request;
  const prober = new Prober(session, values, base);
  const candidates = findCandidates(values, [...new Set(base.places.map(({ text }) => text))]);
  const paths = new Set(named.map(({ path }) => JSON.stringify(path)));
  const others = candidates.filter(({ path }) => !paths.has(JSON.stringify(path)));
  const likely = others.filter((candidate) => candidate.rank === 'likely' && isPromising(candidate));
  let controls = await prober.probe([...named, ...likely]);
  let unset: readonly Candidate[] | undefined;
  for (const rank of ['inner', 'host slot', 'name slot', 'whole slot', 'bare'] as const) {
    const done = new Map(controls.map((control) => [placeKey(control.place), control]));
    const open = base.places.filter((place) => !done.has(placeKey(place)) && isWanted(place)).map(({ text }) => text);
    if (open.length === 0) break;
    unset ??= await unsetSlotsOf(session, values);
    const hopeful = [...others, ...unset, ...prober.wholeSlots].filter(
      (candidate) => candidate.rank === rank && open.some((text) => text.startsWith(candidate.head)),
    );
    controls = withLaterControls(controls, await prober.probe(hopeful));
  }
  return {
    base: { ...base, places: withPlacesOf(base, controls), newNames: prober.newNames },
    controls,
    permits: prober.permits,
  };
}

async function unsetSlotsOf({ release }: RenderSession, values: Values): Promise<readonly Candidate[]> {
  return findUnsetSlots(await readFile(release.chart), values, basename(release.chart));
}

/**
 * What is known after a later probe. A key that moves what is controlled already to elsewhere is not taken. One that moves it to the same place
 * would write the host twice together with the keys that did it before: it takes their place, or is left where they do more.
 */
function withLaterControls(controls: readonly Control[], later: readonly Control[]): Control[] {
  let known = [...controls];
  const done = new Set(controls.map(({ place }) => placeKey(place)));
  for (const group of Map.groupBy(later, ({ candidate }) => candidate).values()) {
    const fresh = group.filter(({ place }) => !done.has(placeKey(place)));
    const texts = new Set(fresh.map(({ standsFor }) => standsFor));
    if (!group.every(({ standsFor }) => texts.has(standsFor))) continue;
    const moved = new Set(group.map(({ place }) => placeKey(place)));
    const before = new Set(known.filter(({ place }) => moved.has(placeKey(place))).map(({ candidate }) => candidate));
    const doesMore = known.some(({ candidate, place }) => before.has(candidate) && !moved.has(placeKey(place)));
    if (!doesMore) known = [...known.filter(({ candidate }) => !before.has(candidate)), ...group];
  }
  return known;
}

function withPlacesOf(base: BaseRender, controls: readonly Control[]): readonly Reading[] {
  const places = new Map(base.places.map((place) => [placeKey(place), place]));
  for (const { place } of controls) if (!places.has(placeKey(place))) places.set(placeKey(place), place);
  return [...places.values()];
}
