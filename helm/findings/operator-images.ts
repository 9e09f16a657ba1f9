import type { Finding } from '../../bundle-spec/finding.ts';
import type { BaseRender } from '../base-render.ts';
import { apiState } from '../kubernetes-apis.ts';
import type { RenderedObject } from '../manifest-stream.ts';
import { podSpecOf } from '../pull-secrets/pod-specs.ts';
import { isMap } from '../values-path.ts';

/**
 * IMAGE_CHOSEN_BY_OPERATOR: a custom resource that makes pods and names no image, so that its operator chooses one, often by a version; and a
 * container whose image a webhook fills in.
 */
export function findOperatorImages(bases: readonly BaseRender[]): Finding[] {
  const found = bases.flatMap((base) => {
    const shown = new Set(base.places.map(({ object }) => object));
    return base.objects.flatMap((object) => {
      if (isInjected(object)) return [injected(object)];
      const isOther = shown.has(object) || apiState(base.kubernetes, object.apiVersion, object.kind).state !== 'custom';
      const choice = isOther || otherKinds.test(object.kind) ? undefined : versionOf(object.value.spec);
      return choice === undefined ? [] : [chosen(object, choice)];
    });
  });
  return [...new Map(found.map((finding) => [finding.message, finding])).values()];
}

/** They count machines or other workloads' pods. */
const otherKinds = /Machine|Scal(?:er|ed)|Autoscal|NodePool|Cluster(?:Class|Template)$/;
const podCounts = ['replicas', 'replicaCount', 'instances', 'nodeSets', 'nodes', 'members', 'size', 'count', 'podTemplate'];
const surePodCounts = ['replicas', 'replicaCount', 'instances', 'nodeSets'];

/** Where the version stands, or none: `spec.version`, `spec.kafka.version`. `undefined` for what makes no pods as far as is seen. */
function versionOf(spec: unknown): { readonly path: string; readonly version: string } | 'none' | undefined {
  if (!isMap(spec)) return undefined;
  const parts = [['spec', spec] as const, ...Object.entries(spec).map(([key, part]) => [`spec.${key}`, part] as const)];
  const maps = parts.flatMap(([path, part]) => (isMap(part) ? [{ path, part }] : []));
  for (const { path, part } of maps) {
    const key = Object.keys(part).find((name) => /^(?:version|\w+Version)$/.test(name) && /^v?\d/.test(String(part[name])));
    if (key !== undefined && !/api|schema/i.test(key) && maps.some((other) => hasKey(other.part, podCounts)))
      return { path: `${path}.${key}`, version: String(part[key]) };
  }
  return hasKey(spec, surePodCounts) ? 'none' : undefined;
}

function hasKey(map: Readonly<Record<string, unknown>>, keys: readonly string[]): boolean {
  return keys.some((key) => Object.hasOwn(map, key));
}

function chosen(object: RenderedObject, choice: Exclude<ReturnType<typeof versionOf>, undefined>): Finding {
  const by = choice === 'none' ? 'by itself' : `by ${choice.path} (${choice.version})`;
  return {
    severity: 'info',
    code: 'IMAGE_CHOSEN_BY_OPERATOR',
    message: `${object.kind}/${object.name} names no image: its operator chooses it ${by}`,
    where: `${object.kind}/${object.name} (${object.template})`,
    fix: 'look up which images the operator takes for it and name them in images.extra; the operator has to be told of the registry behind the gap',
  };
}

/** `image: auto`, which the webhook of Istio replaces. */
function isInjected(object: RenderedObject): boolean {
  const { containers } = podSpecOf(object)?.spec ?? {};
  return Array.isArray(containers) && containers.some((container) => isMap(container) && container.image === 'auto');
}

function injected(object: RenderedObject): Finding {
  return {
    severity: 'info',
    code: 'IMAGE_CHOSEN_BY_OPERATOR',
    message: `${object.kind}/${object.name} has "image: auto": the webhook of the mesh puts in the image of its proxy`,
    where: `${object.kind}/${object.name} (${object.template})`,
    fix: 'the release that brings the webhook names that image; without it in the bundle, name the image in images.extra',
  };
}
