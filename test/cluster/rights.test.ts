import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RenderedKind } from '../../bundle-spec/bundle-json.ts';
import { describeRights } from '../../cluster/missing-rights.ts';
import { installRights, type RightsRule } from '../../cluster/rights.ts';

const kindsOf = (...kinds: string[]): RenderedKind[] =>
  kinds.map((text) => {
    const [apiVersion = '', kind = ''] = text.split(' ');
    return { apiVersion, kind };
  });

const rightsFor = (kinds: RenderedKind[]) =>
  installRights([{ namespace: { name: 'shop', create: true }, kinds }], 'shop', 'diolkos');

const verbsOn = (rules: readonly RightsRule[] | undefined, group: string, resource: string): string[] =>
  (rules ?? [])
    .filter((rule) => rule.apiGroups.includes(group) && rule.resources.includes(resource))
    .flatMap(({ verbs }) => verbs);

const all = ['get', 'list', 'watch', 'create', 'patch', 'delete'];
const namespaced = [
  { kind: 'apps/v1 Deployment', group: 'apps', resource: 'deployments' },
  { kind: 'v1 Service', group: '', resource: 'services' },
  { kind: 'networking.k8s.io/v1 Ingress', group: 'networking.k8s.io', resource: 'ingresses' },
  { kind: 'networking.k8s.io/v1 NetworkPolicy', group: 'networking.k8s.io', resource: 'networkpolicies' },
  { kind: 'v1 Endpoints', group: '', resource: 'endpoints' },
  { kind: 'monitoring.coreos.com/v1 ServiceMonitor', group: 'monitoring.coreos.com', resource: 'servicemonitors' },
];
for (const { kind, group, resource } of namespaced) {
  test(`a chart with ${kind} may do with ${resource} what helm does, in its namespace only`, () => {
    const rights = rightsFor(kindsOf(kind));
    assert.deepEqual(verbsOn(rights.namespaces.get('shop'), group, resource), all);
    assert.deepEqual(rights.cluster, []);
  });
}

const clusterScoped = [
  {
    kind: 'apiextensions.k8s.io/v1 CustomResourceDefinition',
    group: 'apiextensions.k8s.io',
    resource: 'customresourcedefinitions',
  },
  { kind: 'scheduling.k8s.io/v1 PriorityClass', group: 'scheduling.k8s.io', resource: 'priorityclasses' },
  { kind: 'cert-manager.io/v1 ClusterIssuer', group: 'cert-manager.io', resource: 'clusterissuers' },
];
for (const { kind, group, resource } of clusterScoped) {
  test(`a chart with ${kind} gets a right at cluster scope`, () => {
    assert.deepEqual(verbsOn(rightsFor(kindsOf(kind)).cluster, group, resource), all);
  });
}

test('an object in another namespace makes a rule there', () => {
  const rights = rightsFor([{ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system' }]);
  assert.deepEqual(verbsOn(rights.namespaces.get('kube-system'), '', 'configmaps'), all);
  assert.deepEqual(verbsOn(rights.namespaces.get('shop'), '', 'configmaps'), ['get']);
});

const rbac = 'rbac.authorization.k8s.io';
const escalations = [
  { kind: 'Role', scope: 'shop', roles: ['escalate'], clusterRoles: [] },
  { kind: 'RoleBinding', scope: 'shop', roles: ['bind'], clusterRoles: ['bind'] },
  { kind: 'ClusterRole', scope: 'cluster', roles: [], clusterRoles: ['escalate'] },
  { kind: 'ClusterRoleBinding', scope: 'cluster', roles: [], clusterRoles: ['bind'] },
  { kind: 'ServiceAccount', scope: 'shop', roles: [], clusterRoles: [] },
];
for (const { kind, scope, roles, clusterRoles } of escalations) {
  test(`escalate and bind with a ${kind}: ${[...roles, ...clusterRoles].join(', ') || 'none'}`, () => {
    const rights = rightsFor(kindsOf(`${kind === 'ServiceAccount' ? 'v1' : `${rbac}/v1`} ${kind}`));
    const own = scope === 'cluster' ? rights.cluster : rights.namespaces.get('shop');
    const other = scope === 'cluster' ? rights.namespaces.get('shop') : rights.cluster;
    const special = (rules: readonly RightsRule[] | undefined, resource: string) =>
      verbsOn(rules, rbac, resource).filter((verb) => verb === 'bind' || verb === 'escalate');
    assert.deepEqual({ roles: special(own, 'roles'), clusterRoles: special(own, 'clusterroles') }, { roles, clusterRoles });
    assert.deepEqual([...special(other, 'roles'), ...special(other, 'clusterroles')], []);
  });
}

test('no rule has a wildcard, and none in the Job’s namespace reads Secrets', () => {
  const rights = rightsFor(kindsOf('apps/v1 Deployment', `${rbac}/v1 ClusterRole`));
  const rules = [...[...rights.namespaces.values()].flat(), ...rights.cluster];
  assert.ok(rules.every(({ apiGroups, resources, verbs }) => ![...apiGroups, ...resources, ...verbs].includes('*')));
  assert.deepEqual(verbsOn(rights.namespaces.get('diolkos'), '', 'secrets'), []);
});

test('a release in the namespace of the Job keeps the rights of both', () => {
  const rights = installRights([{ namespace: { name: 'diolkos', create: false }, kinds: [] }], 'shop', 'diolkos');
  assert.deepEqual(verbsOn(rights.namespaces.get('diolkos'), '', 'pods/log'), ['get']);
  assert.deepEqual(verbsOn(rights.namespaces.get('diolkos'), 'coordination.k8s.io', 'leases'), [
    'create',
    'get',
    'update',
    'patch',
  ]);
});

test('missing rights are told one line a resource', () => {
  const right = { group: 'apps', resource: 'deployments', namespace: 'shop' };
  assert.deepEqual(
    describeRights([
      { ...right, verb: 'create' },
      { verb: 'get', group: '', resource: 'configmaps', name: 'diolkos-report-shop', namespace: 'diolkos' },
      { ...right, verb: 'patch' },
      { verb: 'get', group: 'scheduling.k8s.io', resource: 'priorityclasses' },
    ]),
    [
      'create, patch deployments.apps in namespace shop',
      'get configmaps "diolkos-report-shop" in namespace diolkos',
      'get priorityclasses.scheduling.k8s.io at cluster scope',
    ],
  );
});
