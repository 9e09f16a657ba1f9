import type { RenderedObject } from './manifest-stream.ts';
import { getAt, isMap, type Path } from './values-path.ts';

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
