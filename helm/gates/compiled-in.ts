import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Finding } from '../../bundle-spec/finding.ts';
import type { Values } from '../../bundle-spec/values-layer.ts';
import type { BaseRender } from '../base-render.ts';
import { type Candidate, findCandidates } from '../image-shapes.ts';
import type { RenderedObject } from '../manifest-stream.ts';
import { applyEdits, type Edit } from '../overrides.ts';
import { type Reading, readReferences } from '../references/find-references.ts';
import { formatObjectPath, getInObject } from '../references/payload.ts';
import { tokensOf } from '../references/reference-text.ts';
import type { RenderSession } from '../render-session.ts';
import { pairObjects } from '../same-objects.ts';
import { leadingSentinel, sentinelHost } from '../sentinel.ts';
import { findUnsetSlots } from '../unset-slots.ts';
import { formatPath, getAt, isMap, type Path } from '../values-path.ts';

/** Renders spent on slots that break the chart. */
const patience = 12;
const tagKeys = ['tag', 'imageTag', 'version'];

/**
 * IMAGE_COMPILED_IN for every empty slot of the values which, when filled, makes a flag, a variable or a field that the deployed render
 * does not have: the program then uses an image of its own, which nothing in the chart tells. Empty slots for whole containers are the
 * user's, and no hint. `base` is the deployed render. All slots are filled in one render; where that fails, in halves.
 */
export async function findCompiledIn(session: RenderSession, values: Values, base: BaseRender): Promise<Finding[]> {
  const tgz = await readFile(session.release.chart);
  const empty = [...findCandidates(values, []), ...findUnsetSlots(tgz, values, basename(session.release.chart))];
  // Where the map around it is empty too, it is the user's to fill.
  const isSlot = ({ path }: Candidate): boolean => Object.keys(getAt(values, path.slice(0, -1)) ?? {}).length > 0;
  const named = empty.filter((candidate) => candidate.head === '' && candidate.rank === 'name slot' && isSlot(candidate));
  const slots = named.map(({ path }) => slotOf(path, values));
  const filler = new SlotFiller(session, values, base);
  await filler.fill([...slots.entries()]);
  const found = Map.groupBy(filler.found, ([{ path }]) => imageOf(path));
  return [...found.values()].flatMap(([first]) => (first === undefined ? [] : [compiledIn(...first)]));
}

/** Repository and name of one image are one slot. */
function imageOf(path: Path): string {
  const isPart = /^(?:repository|repo|image|name)$/.test(String(path.at(-1)));
  return formatPath(isPart ? path.slice(0, -1) : path);
}

/** An empty repository and the tag beside it. */
interface Slot {
  readonly path: Path;
  readonly tag?: Path;
}

function slotOf(path: Path, values: Values): Slot {
  const map = getAt(values, path.slice(0, -1));
  const key = isMap(map) ? tagKeys.find((name) => Object.hasOwn(map, name)) : undefined;
  return key === undefined ? { path } : { path, tag: [...path.slice(0, -1), key] };
}

class SlotFiller {
  /** What each slot makes that was not there. */
  readonly found = new Map<Slot, string>();
  readonly #session: RenderSession;
  readonly #values: Values;
  readonly #base: BaseRender;
  #left = patience;

  constructor(session: RenderSession, values: Values, base: BaseRender) {
    this.#session = session;
    this.#values = values;
    this.#base = base;
  }

  async fill(slots: readonly (readonly [number, Slot])[]): Promise<void> {
    if (slots.length === 0 || this.#left <= 0) return;
    this.#left -= 1;
    const objects = await this.#render(slots);
    if (objects !== undefined) this.#compare(objects, new Map(slots));
    else if (slots.length > 1) {
      const middle = Math.ceil(slots.length / 2);
      await Promise.all([this.fill(slots.slice(0, middle)), this.fill(slots.slice(middle))]);
    }
  }

  async #render(slots: readonly (readonly [number, Slot])[]): Promise<readonly RenderedObject[] | undefined> {
    const overrides = applyEdits(
      this.#values,
      slots.flatMap(([index, slot]) => this.#editsFor(index, slot)),
    );
    try {
      return this.#session.read(await this.#session.print(this.#base.kubernetes, { overrides, probe: true }));
    } catch (error) {
      if (error instanceof BundleError) return undefined;
      throw error;
    }
  }

  #editsFor(index: number, { path, tag }: Slot): Edit[] {
    const name = `${sentinelHost(index)}/slot`;
    if (tag === undefined) return [{ path, value: /image$/i.test(String(path.at(-1))) ? `${name}:0.0.0` : name }];
    const current = getAt(this.#values, tag);
    const hasTag = (typeof current === 'string' && current !== '') || typeof current === 'number';
    return [{ path, value: name }, ...(hasTag ? [] : [{ path: tag, value: '0.0.0' }])];
  }

  #compare(objects: readonly RenderedObject[], slots: ReadonlyMap<number, Slot>): void {
    for (const [original, object] of pairObjects(this.#base.objects, objects)) {
      if (object.value === original.value) continue;
      for (const reading of readReferences(object, { known: new Set() })) {
        const slot = slots.get(leadingSentinel(reading.text) ?? -1);
        if (slot !== undefined && reading.as !== 'pod' && isNew(reading, original)) this.found.set(slot, placeText(reading));
      }
    }
  }
}

/** Whether `original` has neither the field, nor the flag or variable of that name. */
function isNew(reading: Reading, original: RenderedObject): boolean {
  const { path } = reading;
  const list = path.findLastIndex((step) => typeof step === 'number');
  const before = getInObject(original.value, list === -1 ? path : path.slice(0, list));
  if (list === -1) return before === undefined || before === '' || before === null;
  const label = labelOf(reading, list);
  if (label === undefined || !Array.isArray(before)) return false;
  return !before.some((item) => (isMap(item) ? item.name === label : typeof item === 'string' && item.startsWith(label)));
}

/** What the argument or variable at index `list` of its path is called: `--image=`, `--image`, `OPERATOR_IMAGE`. */
function labelOf({ object, path, index }: Reading, list: number): string | undefined {
  const items = getInObject(object.value, path.slice(0, list));
  const place = Number(path[list]);
  const [previous, item] = Array.isArray(items) ? [items[place - 1], items[place]] : [];
  if (isMap(item)) return typeof item.name === 'string' ? item.name : undefined;
  if (typeof item !== 'string') return undefined;
  const label = item.slice(0, tokensOf(item)[index]?.start ?? 0).replace(/[\s/]+$/, '');
  if (label !== '') return label;
  return typeof previous === 'string' && previous.startsWith('-') ? previous : undefined;
}

function placeText(reading: Reading): string {
  const { object, path } = reading;
  const list = path.findLastIndex((step) => typeof step === 'number');
  const label = list === -1 ? undefined : labelOf(reading, list);
  return `${label ?? formatObjectPath(path)} of ${object.kind} ${object.name}`;
}

function compiledIn({ path, tag }: Slot, place: string): Finding {
  const names = [path, ...(tag === undefined ? [] : [tag])].map(formatPath);
  return {
    severity: 'info',
    code: 'IMAGE_COMPILED_IN',
    message: `${formatPath(path)} is empty, and filled it makes ${place}: as it is, the program uses an image of its own that the chart does not name`,
    where: formatPath(path),
    fix: `look up that image, add it to images.extra, and set ${names.join(' and ')} in the values of the release`,
  };
}
