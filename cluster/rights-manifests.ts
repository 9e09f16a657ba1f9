import { accountName, type BundleName, bundleLabels } from './object-names.ts';
import type { KubernetesObject } from './objects.ts';
import type { Rights } from './rights.ts';

/** The Job's ServiceAccount with exactly these rights: a Role and RoleBinding per namespace, a ClusterRole only where one is needed. */
export function rightsManifests(bundle: BundleName, rights: Rights, jobNamespace: string): readonly KubernetesObject[] {
  const name = accountName(bundle);
  const labels = bundleLabels(bundle);
  const subjects = [{ kind: 'ServiceAccount', name, namespace: jobNamespace }];
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: jobNamespace, labels } };
  const namespaced = [...rights.namespaces].flatMap(([namespace, rules]) => [
    { apiVersion: rbac, kind: 'Role', metadata: { name, namespace, labels }, rules },
    { apiVersion: rbac, kind: 'RoleBinding', metadata: { name, namespace, labels }, roleRef: roleRef('Role', name), subjects },
  ]);
  if (rights.cluster.length === 0) return [account, ...namespaced];
  return [
    account,
    ...namespaced,
    { apiVersion: rbac, kind: 'ClusterRole', metadata: { name, labels }, rules: rights.cluster },
    { apiVersion: rbac, kind: 'ClusterRoleBinding', metadata: { name, labels }, roleRef: roleRef('ClusterRole', name), subjects },
  ];
}

const rbac = 'rbac.authorization.k8s.io/v1';

function roleRef(kind: string, name: string): { readonly apiGroup: string; readonly kind: string; readonly name: string } {
  return { apiGroup: 'rbac.authorization.k8s.io', kind, name };
}
