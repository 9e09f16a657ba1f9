import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { BaseRender } from './base-render.ts';
import type { Discovery } from './discovery.ts';
import type { RenderedObject } from './manifest-stream.ts';
import { applyEdits, type Edit } from './overrides.ts';
import { podSpecOf, pullSecretsOf, serviceAccountOf } from './pod-specs.ts';
import type { PodOwner } from './post-render-rule.ts';
import { addPullSecret, findPullSecretSlots, type PullSecretSlot, type Spelling } from './pull-secret-slots.ts';
import type { RenderSession } from './render-session.ts';
import { pairObjects } from './same-objects.ts';
import { valuesPathsIn } from './unset-slots.ts';
import { isMap } from './values-path.ts';

/** A pod that neither values nor the post-renderer give the pull secret. */
export interface PullSecretGap {
  /** The object that makes it: a hook under Helm 3, or a custom resource whose operator makes the pods. */
  readonly pod: PodOwner;
  /** The namespace it runs in, and the account whose `imagePullSecrets` it would take. */
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** The objects whose pods would pull without the Secret `name`: neither the pod has it nor a ServiceAccount that `objects` bring. */
export function podsWithout(objects: readonly RenderedObject[], name: string): RenderedObject[] {
  return objects.filter((object) => {
    const secrets = secretsOfPod(object, objects);
    return secrets !== undefined && !secrets.includes(name);
  });
}

/** What the pods of `object` pull with; `undefined` for what makes no pods. */
function secretsOfPod(object: RenderedObject, objects: readonly RenderedObject[]): readonly string[] | undefined {
  const pod = podSpecOf(object);
  if (pod === undefined) return undefined;
  const own = pullSecretsOf(pod.spec);
  if (own.length > 0) return own;
  const account = serviceAccountOf(pod.spec);
  const rendered = objects.find(
    ({ kind, name, namespace }) => kind === 'ServiceAccount' && name === account && namespace === object.namespace,
  );
  return rendered === undefined ? [] : pullSecretsOf(rendered.value);
}

/**
 * The values that give the Secret `name` to as many pods as values can, by as few paths as can be. Each path is proven by a sentinel that surfaces
 * as a pull secret of a pod. `edits` are what the rewrite sets besides. Two renders, three where the chart does not take a spelling; none
 * where every pod has it.
 */
export async function findPullSecretEdits(
  session: RenderSession,
  { values, bases }: Pick<Discovery, 'values' | 'bases'>,
  edits: readonly Edit[],
  name: string,
): Promise<Edit[]> {
  const [base] = bases;
  if (base === undefined || podsWithout(base.objects, name).length === 0) return [];
  const chart = session.release.chart;
  const slots = findPullSecretSlots(values, valuesPathsIn(await readFile(chart), basename(chart)));
  const probe = new PullSecretProbe(session, base, { values, edits });
  const reaches = await probe.run(slots);
  return fewest(reaches, new Set(podsWithout(base.objects, name))).map(({ slot, spelling }) =>
    addPullSecret(values, slot, spelling, name),
  );
}

/** The pods of the unprobed render that get a pull secret from a slot. */
interface Reach {
  readonly slot: PullSecretSlot;
  readonly spelling: Spelling;
  readonly pods: ReadonlySet<RenderedObject>;
}

/** Renders spent on spellings; what they do not settle is left to the post-renderer. */
const patience = 3;

interface Besides {
  readonly values: Discovery['values'];
  readonly edits: readonly Edit[];
}

class PullSecretProbe {
  readonly #session: RenderSession;
  readonly #base: BaseRender;
  readonly #with: Besides;

  constructor(session: RenderSession, base: BaseRender, besides: Besides) {
    this.#session = session;
    this.#base = base;
    this.#with = besides;
  }

  /** Tries the likelier spelling of every slot, then the other one of those that reached nothing. */
  async run(slots: readonly PullSecretSlot[]): Promise<readonly Reach[]> {
    const reaches: Reach[] = [];
    let open = slots.map((slot) => ({ slot, spelling: slot.spellings[0] ?? 'maps' }));
    const tried = new Set<string>();
    for (let render = 0; render < patience && open.length > 0; render++) {
      for (const attempt of open) tried.add(keyOf(attempt));
      const found = await this.#render(open);
      reaches.push(...(found ?? []).filter(({ pods }) => pods.size > 0));
      const settled = new Set(reaches.map(({ slot }) => slot));
      // A chart that breaks is asked for what its values show before what only its templates mention.
      const rest = found === undefined && render > 0 ? slots.filter(({ set }) => set) : slots;
      open = rest.filter((slot) => !settled.has(slot)).flatMap((slot) => nextSpelling(slot, tried) ?? []);
    }
    return reaches;
  }

  async #render(attempts: readonly Pick<Reach, 'slot' | 'spelling'>[]): Promise<readonly Reach[] | undefined> {
    const { values, edits } = this.#with;
    const probes = attempts.map(({ slot, spelling }, index) => addPullSecret(values, slot, spelling, sentinelName(index)));
    try {
      const overrides = applyEdits(values, [...edits, ...probes]);
      const objects = this.#session.read(await this.#session.print(this.#base.kubernetes, { overrides, probe: true }));
      const pairs = pairObjects(this.#base.objects, objects);
      return attempts.map((attempt, index) => {
        const reached = [...pairs].filter(([, object]) => secretsOfPod(object, objects)?.includes(sentinelName(index)));
        return { ...attempt, pods: new Set(reached.map(([original]) => original)) };
      });
    } catch (error) {
      if (error instanceof BundleError && (error.code === 'RENDER_FAILED' || error.code === 'RENDER_UNREADABLE'))
        return undefined;
      throw error;
    }
  }
}

function keyOf({ slot, spelling }: Pick<Reach, 'slot' | 'spelling'>): string {
  return JSON.stringify([slot.path, spelling]);
}

function nextSpelling(slot: PullSecretSlot, tried: ReadonlySet<string>): Pick<Reach, 'slot' | 'spelling'> | undefined {
  const spelling = slot.spellings.find((candidate) => !tried.has(keyOf({ slot, spelling: candidate })));
  return spelling === undefined ? undefined : { slot, spelling };
}

/** A name that Kubernetes would take, and no chart has. */
function sentinelName(index: number): string {
  return `p${String(index).padStart(3, '0')}-pull-secret-probe`;
}

/** Slots that together reach all of `wanted` that can be reached: always the one that adds most, then what the values show, then the shorter path. */
function fewest(reaches: readonly Reach[], wanted: ReadonlySet<RenderedObject>): Reach[] {
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
  return (slot.set ? 0 : 100) + slot.path.length;
}

/** The pods that still lack the Secret after all that was done, and those that a custom resource with images stands for without naming it. */
export function pullSecretGaps(
  objects: readonly RenderedObject[],
  name: string,
  release: { readonly namespace: string; readonly resources: ReadonlySet<RenderedObject> },
): PullSecretGap[] {
  const pods = podsWithout(objects, name).map((object) => ({ object, spec: podSpecOf(object)?.spec ?? {} }));
  const resources = [...release.resources]
    .filter((object) => podSpecOf(object) === undefined && !namesPullSecret(object.value, name))
    .map((object) => ({ object, spec: isMap(object.value.spec) ? object.value.spec : {} }));
  return [...pods, ...resources].map(({ object, spec }) => ({
    pod: { kind: object.kind, name: object.name, ...(object.namespace === undefined ? {} : { namespace: object.namespace }) },
    namespace: object.namespace ?? release.namespace,
    serviceAccount: serviceAccountOf(spec),
  }));
}

/** True when a key for pull secrets anywhere in `value` holds `name`. */
function namesPullSecret(value: unknown, name: string, below = false): boolean {
  if (typeof value === 'string') return below && value.split(',').includes(name);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, entry]) => namesPullSecret(entry, name, below || /pull[-_]?secret/i.test(key)));
}

/** The command that gives the Secret `name` to the ServiceAccount of a gap; pods made afterwards pull with it. */
export function patchCommand({ namespace, serviceAccount }: PullSecretGap, name: string): string {
  return `kubectl -n ${namespace} patch serviceaccount ${serviceAccount} -p '${JSON.stringify({ imagePullSecrets: [{ name }] })}'`;
}
