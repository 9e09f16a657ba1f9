import type { CarriedRelease } from '../bundle-spec/bundle-json.ts';
import { type BundleName, bundleLabels } from './object-names.ts';
import type { KubernetesObject } from './objects.ts';

/**
 * The Job's namespace and those of releases with `create: true`. The Job's own enforces the Pod Security level the Job fits:
 * `restricted`, or `privileged` where the bundle comes from a hostPath. Nothing is known of the charts' pods: theirs carry no level.
 */
export function namespaceManifests(
  bundle: BundleName,
  releases: readonly Pick<CarriedRelease, 'namespace'>[],
  job: { readonly namespace: string; readonly podSecurity: 'restricted' | 'privileged' },
): readonly KubernetesObject[] {
  const labels = { 'app.kubernetes.io/managed-by': 'diolkos' };
  const created = releases.filter(({ namespace }) => namespace.create).map(({ namespace }) => namespace.name);
  const others = [...new Set(created)].filter((name) => name !== job.namespace);
  const level = { 'pod-security.kubernetes.io/enforce': job.podSecurity, 'pod-security.kubernetes.io/enforce-version': 'latest' };
  return [
    namespaceObject(job.namespace, { ...labels, ...level }),
    ...others.map((name) =>
      namespaceObject(name, { ...labels, 'diolkos.dev/bundle': bundleLabels(bundle)['diolkos.dev/bundle'] ?? '' }),
    ),
  ];
}

/**
 * The `default` ServiceAccount of each release's namespace with the pull secret, so that pods without an account of their own can
 * pull. Accounts that a chart creates need the chart's own `imagePullSecrets` value.
 */
export function pullSecretManifests(
  releases: readonly Pick<CarriedRelease, 'namespace'>[],
  pullSecret: string,
): readonly KubernetesObject[] {
  return [...new Set(releases.map(({ namespace }) => namespace.name))].map((namespace) => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace },
    imagePullSecrets: [{ name: pullSecret }],
  }));
}

function namespaceObject(name: string, labels: Readonly<Record<string, string>>): KubernetesObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}
