import type { RenderedObject } from '../manifest-stream.ts';
import { getAt, isMap, type Path } from '../values-path.ts';

/** The spec of a pod that an object makes, or is. */
export interface PodSpec {
  readonly path: Path;
  readonly spec: Readonly<Record<string, unknown>>;
}

const templates: readonly Path[] = [
  ['spec', 'template', 'spec'],
  ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
  ['template', 'spec'],
];

/** The pod that an object makes: of a Pod, of all that Kubernetes runs pods by, and of custom resources with a pod template in the same place. */
export function podSpecOf({ kind, apiVersion, value }: RenderedObject): PodSpec | undefined {
  const paths = kind === 'Pod' && apiVersion === 'v1' ? [['spec']] : templates;
  for (const path of paths) {
    const spec = getAt(value, path);
    if (isMap(spec) && Array.isArray(spec.containers)) return { path, spec };
  }
  return undefined;
}

/** The names in `imagePullSecrets` of a pod or ServiceAccount. */
export function pullSecretsOf(holder: Readonly<Record<string, unknown>>): string[] {
  const list = Array.isArray(holder.imagePullSecrets) ? holder.imagePullSecrets : [];
  return list.flatMap((entry) => (isMap(entry) && typeof entry.name === 'string' ? [entry.name] : []));
}

/** The ServiceAccount a pod runs as. */
export function serviceAccountOf({ serviceAccountName, serviceAccount }: PodSpec['spec']): string {
  const named = [serviceAccountName, serviceAccount].find((name) => typeof name === 'string' && name !== '');
  return typeof named === 'string' ? named : 'default';
}

/** What the pods of `object` pull with; `undefined` for what makes no pods. */
export function secretsOfPod(object: RenderedObject, objects: readonly RenderedObject[]): readonly string[] | undefined {
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

/** True for a pod that pulls with the Secret `name`, and for a custom resource that names it under a key for pull secrets. */
export function pullsWith(object: RenderedObject, objects: readonly RenderedObject[], name: string): boolean {
  return secretsOfPod(object, objects)?.includes(name) ?? (isCustom(object) && namesPullSecret(object.value, name));
}

/** True for what an operator makes pods of, if it makes any. */
export function isCustom({ apiVersion }: RenderedObject): boolean {
  return apiVersion.includes('.') && !/\.k8s\.io\//.test(apiVersion);
}

/** True when a key for pull secrets anywhere in `value` holds `name`. */
function namesPullSecret(value: unknown, name: string, below = false): boolean {
  if (typeof value === 'string') return below && value.split(',').includes(name);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, entry]) => namesPullSecret(entry, name, below || /pull[-_]?secret/i.test(key)));
}
