import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { BaseRender } from '../base-render.ts';
import type { Discovery } from '../discovery.ts';
import type { RenderedObject } from '../manifest-stream.ts';
import type { Edit } from '../overrides.ts';
import type { PodOwner } from '../post-render/post-render-rule.ts';
import type { RenderSession } from '../render-session.ts';
import { valuesPathsIn } from '../unset-slots.ts';
import { isMap } from '../values-path.ts';
import { isCustom, podSpecOf, pullsWith, secretsOfPod, serviceAccountOf } from './pod-specs.ts';
import { fewest, PullSecretProbe } from './pull-secret-probe.ts';
import { addPullSecret, findPullSecretSlots } from './pull-secret-slots.ts';

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

/**
 * The values that give the Secret `name` to as many pods as values can, by as few paths as can be. Each path is proven by a sentinel that surfaces
 * as a pull secret of a pod. `edits` are what the rewrite sets besides. One render, up to four where spellings have to be tried; none where
 * every pod has it.
 */
export async function findPullSecretEdits(
  session: RenderSession,
  { values, bases }: Pick<Discovery, 'values' | 'bases'>,
  edits: readonly Edit[],
  name: string,
): Promise<Edit[]> {
  const [base] = bases;
  const wanted = base === undefined ? [] : [...podsWithout(base.objects, name), ...resourcesWithout(base, name)];
  if (base === undefined || wanted.length === 0) return [];
  const chart = session.release.chart;
  const slots = findPullSecretSlots(values, valuesPathsIn(await readFile(chart), basename(chart)));
  const probe = new PullSecretProbe(session, base, { values, edits });
  const reaches = await probe.run(slots, wanted);
  return fewest(reaches, wanted).map(({ slot, spelling }) => addPullSecret(values, slot, spelling, name));
}

/** Custom resources with images that name no such Secret; pods with a template of their own are told elsewhere. */
function resourcesWithout({ objects, places }: Pick<BaseRender, 'objects' | 'places'>, name: string): RenderedObject[] {
  const resources = new Set(places.filter(({ complete }) => complete).map(({ object }) => object));
  return [...resources].filter(
    (object) => isCustom(object) && podSpecOf(object) === undefined && !pullsWith(object, objects, name),
  );
}

/** The pods that still lack the Secret in a render after all that was done, and those that a custom resource with images stands for without naming it. */
export function pullSecretGaps(
  render: Pick<BaseRender, 'objects' | 'places'>,
  name: string,
  release: { readonly namespace: string },
): PullSecretGap[] {
  const pods = podsWithout(render.objects, name).map((object) => ({ object, spec: podSpecOf(object)?.spec ?? {} }));
  const resources = resourcesWithout(render, name).map((object) => {
    const { spec } = object.value;
    return { object, spec: isMap(spec) ? spec : {} };
  });
  return [...pods, ...resources].map(({ object, spec }) => ({
    pod: { kind: object.kind, name: object.name, ...(object.namespace === undefined ? {} : { namespace: object.namespace }) },
    namespace: object.namespace ?? release.namespace,
    serviceAccount: serviceAccountOf(spec),
  }));
}

/** The command that gives the Secret `name` to the ServiceAccount of a gap; pods made afterwards pull with it. */
export function patchCommand({ namespace, serviceAccount }: PullSecretGap, name: string): string {
  return `kubectl -n ${namespace} patch serviceaccount ${serviceAccount} -p '${JSON.stringify({ imagePullSecrets: [{ name }] })}'`;
}
