import type { StoredDigests } from '../images/plan/stored-digests.ts';
import { isLocal, type Target } from '../images/reference.ts';
import type { BaseRender } from './base-render.ts';
import { placeKey, readBase } from './base-render.ts';
import type { Leftover } from './discovery.ts';
import type { RenderedObject } from './manifest-stream.ts';
import { repinned } from './overrides.ts';
import { type Reading, readAgain } from './references/find-references.ts';
import { asReference, atTarget, localPath } from './references/reference-text.ts';
import { pairObjects } from './same-objects.ts';
import { placeIn } from './same-place.ts';

/** What the places of a release have to read after a rewrite. */
export interface Demand {
  readonly target: Target;
  /** What the target serves for digests that the bundle stores in another form. Default none. */
  readonly digests?: StoredDigests;
  /** Places that have to become local; others only have to be carried along. */
  readonly isWanted: (place: Reading) => boolean;
  readonly isIgnored: (text: string) => boolean;
}

/** A place that does not read as it has to. */
export interface Unproven {
  /** In the unprobed render; where that has no such place, in the rewritten one. */
  readonly place: Reading;
  /** The same place in the rewritten render; absent where its object is gone. */
  readonly after?: Reading;
  /** What stands there after the rewrite; empty where the place is gone. */
  readonly found: string;
  readonly reason: Leftover['reason'];
  /** What has to stand there. */
  readonly wanted?: string;
}

/** Compares a rewritten render with the unprobed one, place by place, and looks for foreign references that are new in it. */
export function compareProof(base: BaseRender, objects: readonly RenderedObject[], demand: Demand): Unproven[] {
  const pairs = pairObjects(base.objects, objects);
  const unproven: Unproven[] = [];
  const seen = new Set<string>();
  for (const place of base.places) {
    const object = pairs.get(place.object);
    const after = object === undefined ? undefined : placeIn(object, place);
    if (after !== undefined) seen.add(placeKey(after));
    const one = comparePlace(place, after, demand);
    if (one !== undefined) unproven.push(one);
  }
  for (const place of readBase(objects, base.kubernetes).places) {
    const foreign = place.complete && !isTextLocal(place.text, demand.target) && !demand.isIgnored(place.text);
    if (foreign && !seen.has(placeKey(place)))
      unproven.push({ place, after: place, found: place.text, reason: 'not-local', ...wish(place, demand) });
  }
  return unproven;
}

function comparePlace(place: Reading, after: Reading | undefined, demand: Demand): Unproven | undefined {
  if (!demand.isWanted(place)) return undefined;
  // Those of a "crds" folder are in the unprobed render alone, and nothing pulls what their notes name.
  if (after === undefined && place.object.kind === 'CustomResourceDefinition') return undefined;
  const found = after === undefined ? undefined : readAgain(after.object, after);
  const { wanted } = wish(place, demand);
  const reason = reasonFor(place.text, found, wanted, demand.target);
  if (reason === undefined) return undefined;
  return { place, found: found ?? '', reason, ...(after === undefined ? {} : { after }), ...wish(place, demand) };
}

/** What has to stand at a place; nothing where it is no reference. */
function wish({ text }: Reading, { target, digests = new Map() }: Demand): Pick<Unproven, 'wanted'> {
  const local = localPath(text);
  return local === undefined ? {} : { wanted: repinned(atTarget(local, target), digests) };
}

/** Why a place is not proven; `undefined` when it is. */
function reasonFor(
  original: string,
  text: string | undefined,
  wanted: string | undefined,
  target: Target,
): Leftover['reason'] | undefined {
  if (wanted !== undefined && text === wanted) return undefined;
  if (text === undefined) return 'missing';
  if (text === original) return 'hard-coded';
  return isTextLocal(text, target) ? 'unexpected' : 'not-local';
}

function isTextLocal(text: string, target: Target): boolean {
  const reference = asReference(text);
  return reference !== undefined && isLocal(reference, target);
}
