import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { BaseRender } from '../base-render.ts';
import type { Discovery } from '../discovery.ts';
import type { RenderedObject } from '../manifest-stream.ts';
import { applyEdits, type Edit } from '../overrides.ts';
import type { RenderSession } from '../render-session.ts';
import { pairObjects } from '../same-objects.ts';
import { formatPath } from '../values-path.ts';
import { pullsWith } from './pod-specs.ts';
import { addPullSecret, type PullSecretSlot, type Spelling } from './pull-secret-slots.ts';

/** The pods, and custom resources, of the unprobed render that get a pull secret from a slot. */
export interface Reach {
  readonly slot: PullSecretSlot;
  readonly spelling: Spelling;
  readonly pods: ReadonlySet<RenderedObject>;
}

/** Renders spent on spellings; what they do not settle is left to the post-renderer. */
const patience = 4;

interface Besides {
  readonly values: Discovery['values'];
  readonly edits: readonly Edit[];
}

/** Asks a chart which of its values bring pull secrets to which pods. */
export class PullSecretProbe {
  readonly #session: RenderSession;
  readonly #base: BaseRender;
  readonly #with: Besides;

  constructor(session: RenderSession, base: BaseRender, besides: Besides) {
    this.#session = session;
    this.#base = base;
    this.#with = besides;
  }

  /** Tries the likelier spelling of every slot, then the others of those that reached nothing, until `wanted` are reached. */
  async run(slots: readonly PullSecretSlot[], wanted: readonly RenderedObject[]): Promise<readonly Reach[]> {
    const reaches: Reach[] = [];
    const left: SpellingsLeft = new Map(slots.map((slot) => [slot, slot.spellings]));
    for (let render = 0; render < patience && left.size > 0 && !isServed(wanted, reaches); render++) {
      const found = await this.#render([...left].map(([slot, [spelling = 'maps']]) => ({ slot, spelling })));
      if (found instanceof BundleError) {
        setAside(left, found.message);
        continue;
      }
      reaches.push(...found.filter(({ pods }) => pods.size > 0));
      for (const { slot } of reaches) left.delete(slot);
      for (const slot of [...left.keys()]) nextSpelling(left, slot);
    }
    return reaches;
  }

  async #render(attempts: readonly Pick<Reach, 'slot' | 'spelling'>[]): Promise<readonly Reach[] | BundleError> {
    const { values, edits } = this.#with;
    const probes = attempts.map(({ slot, spelling }, index) => addPullSecret(values, slot, spelling, sentinelName(index)));
    try {
      const overrides = applyEdits(values, [...edits, ...probes]);
      const objects = this.#session.read(await this.#session.print(this.#base.kubernetes, { overrides, probe: false }));
      const pairs = pairObjects(this.#base.objects, objects);
      return attempts.map((attempt, index) => {
        const reached = [...pairs].filter(([, object]) => pullsWith(object, objects, sentinelName(index)));
        return { ...attempt, pods: new Set(reached.map(([original]) => original)) };
      });
    } catch (error) {
      if (error instanceof BundleError && (error.code === 'RENDER_FAILED' || error.code === 'RENDER_UNREADABLE')) return error;
      throw error;
    }
  }
}

type SpellingsLeft = Map<PullSecretSlot, readonly Spelling[]>;

function isServed(pods: readonly RenderedObject[], reaches: readonly Reach[]): boolean {
  return pods.every((pod) => reaches.some((reach) => reach.pods.has(pod)));
}

/**
 * Takes what broke the chart out of the next render: the spelling of the slots that its schema refuses, or the slots that its message names,
 * else those for which a map has to be made, else those that stand in templates alone, else the spelling of each that has another.
 */
function setAside(left: SpellingsLeft, message: string): void {
  const slots = [...left.keys()];
  // Of a subchart, the schema names places below the subchart's own values.
  const places = [...message.matchAll(/'(\/[^']+?)(?:\/\d+)?(?:\/name)?'/g)].map(([, place = '/']) => place);
  const refused = slots.filter(({ path }) => places.some((place) => `/${path.join('/')}`.endsWith(place)));
  if (refused.length > 0) {
    for (const slot of refused) nextSpelling(left, slot);
    return;
  }
  const suspects = [
    slots.filter(({ path }) => message.includes(formatPath(path))),
    slots.filter(({ where }) => where === 'absent map'),
    slots.filter(({ where }) => where === 'templates'),
  ].find((group) => group.length > 0 && group.length < slots.length);
  for (const slot of suspects ?? []) left.delete(slot);
  if (suspects === undefined) for (const [slot, [first = 'maps', ...others]] of left) left.set(slot, [...others, first]);
}

function nextSpelling(left: SpellingsLeft, slot: PullSecretSlot): void {
  const others = left.get(slot)?.slice(1) ?? [];
  if (others.length === 0) left.delete(slot);
  else left.set(slot, others);
}

/** A name that Kubernetes would take, and no chart has. */
function sentinelName(index: number): string {
  return `p${String(index).padStart(3, '0')}-pull-secret-probe`;
}

/** Slots that together reach all of `wanted` that can be reached: always the one that adds most, then what the values show, then the shorter path. */
export function fewest(reaches: readonly Reach[], wanted: readonly RenderedObject[]): Reach[] {
  const left = new Set(wanted);
  const chosen: Reach[] = [];
  for (;;) {
    const rated = reaches.map((reach) => ({ reach, adds: [...reach.pods].filter((pod) => left.has(pod)).length }));
    rated.sort((a, b) => b.adds - a.adds || rank(a.reach) - rank(b.reach));
    const best = rated[0];
    if (best === undefined || best.adds === 0) return chosen;
    chosen.push(best.reach);
    for (const pod of best.reach.pods) left.delete(pod);
  }
}

function rank({ slot }: Reach): number {
  return (slot.where === 'values' ? 0 : 100) + slot.path.length;
}
