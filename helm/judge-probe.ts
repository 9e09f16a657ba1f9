import { type BaseRender, placeKey } from './base-render.ts';
import type { Candidate } from './image-shapes.ts';
import type { RenderedObject } from './manifest-stream.ts';
import { type Reading, readAgain, readReferences } from './references/find-references.ts';
import { localPath, pinOf } from './references/reference-text.ts';
import { pairObjects, stableName } from './same-objects.ts';
import { placeIn } from './same-place.ts';
import { hasSentinel, leadingSentinel, sentinelHost, sentinelsIn, withoutSentinels } from './sentinel.ts';

/** Proof that a candidate decides where the reference at a place comes from. */
export interface Control {
  /** The place and its text in the unprobed render. */
  readonly place: Reading;
  readonly candidate: Candidate;
  /** The path below a target that has to stand in the candidate's place for this reference to be local. */
  readonly standsFor: string;
}

/** What one probe render shows. */
export interface Judgement {
  readonly controls: readonly Control[];
  /** Candidates that changed a tag or made a reference unreadable: a chart that looks at them took another branch. */
  readonly culprits: ReadonlySet<Candidate>;
  /** Places that changed or went away with no sentinel to tell why. */
  readonly unexplained: readonly Reading[];
  /** Names that are new in each render, by their object, with `*` for what changes. */
  readonly newNames: ReadonlyMap<RenderedObject, string>;
}

/** Probed candidates by the number of their sentinel. */
export type Probed = ReadonlyMap<number, Candidate>;

/** The value that replaces the head of a candidate in a probe. */
export function sentinelText(index: number, candidate: Candidate): string {
  if (candidate.rank === 'whole slot') return `${sentinelHost(index)}/whole/slot:0.0.0`;
  return candidate.head === '' ? sentinelHost(index) : `${sentinelHost(index)}/${candidate.head}`;
}

/** Compares a probe render with the unprobed one, place by place. */
export function judgeProbe(base: BaseRender, objects: readonly RenderedObject[], probed: Probed): Judgement {
  const judge = new Judge(probed);
  const pairs = pairObjects(base.objects, objects);
  for (const place of base.places) {
    const object = pairs.get(place.object);
    judge.compare(place, object === undefined ? undefined : readAgain(object, placeIn(object, place)));
  }
  const known = new Set(base.places.map(placeKey));
  for (const [original, object] of pairs) {
    // A sentinel in a name says that the value is a part of it, not that it is new.
    if (object.name !== original.name && !hasSentinel(object.name))
      judge.newNames.set(original, stableName(original.name, object.name));
    // Documents that did not change share their value.
    const fresh = object.value === original.value ? [] : sentinelReadings(object, original);
    for (const { place, text } of fresh) if (!known.has(placeKey(place))) judge.compare(place, text);
  }
  return judge;
}

/** Places that a sentinel shows, with their text in the unprobed render and in the probe. */
function sentinelReadings(
  object: RenderedObject,
  original: RenderedObject,
): { readonly place: Reading; readonly text: string }[] {
  return readReferences(object, { known: new Set() }).flatMap((reading) => {
    if (!hasSentinel(reading.text)) return [];
    const place = placeIn(original, reading);
    const text = readAgain(original, place);
    return text === undefined ? [] : [{ place: { ...place, text }, text: reading.text }];
  });
}

class Judge implements Judgement {
  readonly controls: Control[] = [];
  readonly culprits = new Set<Candidate>();
  readonly unexplained: Reading[] = [];
  readonly newNames = new Map<RenderedObject, string>();
  readonly #probed: Probed;

  constructor(probed: Probed) {
    this.#probed = probed;
  }

  compare(place: Reading, text: string | undefined): void {
    if (text === place.text) return;
    if (text === undefined || !hasSentinel(text)) this.unexplained.push(place);
    else if (!this.#controls(place, text)) this.#blame(place, text);
  }

  #controls(place: Reading, text: string): boolean {
    const index = leadingSentinel(text);
    const candidate = index === undefined ? undefined : this.#probed.get(index);
    if (index === undefined || candidate === undefined) return false;
    const sentinel = sentinelText(index, candidate);
    const isWhole = candidate.rank === 'whole slot';
    const standsFor = isWhole ? wholeOf(place.text, text, sentinel) : headOf(place.text, text, sentinel, candidate);
    if (standsFor === undefined || (!isWhole && pinOf(withoutSentinels(text)) !== pinOf(place.text))) return false;
    this.controls.push({ place, candidate, standsFor });
    return true;
  }

  #blame(place: Reading, text: string): void {
    // Inside and with the same tag, it says that another key holds the host; it does no harm.
    const harmless = leadingSentinel(text) === undefined && pinOf(withoutSentinels(text)) === pinOf(place.text);
    if (harmless) return;
    for (const index of sentinelsIn(text)) {
      const candidate = this.#probed.get(index);
      if (candidate !== undefined) this.culprits.add(candidate);
    }
  }
}

/** The reference as a whole, when the chart takes nothing but what the slot holds. */
function wholeOf(original: string, text: string, sentinel: string): string | undefined {
  return text === sentinel ? localPath(original) : undefined;
}

/**
 * What has to stand where the sentinel stood. `original` is the text of the unprobed render, `text` that of the probe, `sentinel` the value
 * that was put in. What follows it in `text` has to be the end of the canonical original.
 */
function headOf(original: string, text: string, sentinel: string, candidate: Candidate): string | undefined {
  const local = localPath(original);
  if (local === undefined) return undefined;
  if (text.startsWith(sentinel)) {
    const rest = withoutSentinels(text.slice(sentinel.length));
    return local.endsWith(rest) && local.length > rest.length ? local.slice(0, local.length - rest.length) : undefined;
  }
  // The chart took the value apart and put it together again.
  return withoutSentinels(text) === original ? localPath(candidate.head) : undefined;
}
