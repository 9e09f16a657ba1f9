import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiState, apisOf } from '../../helm/kubernetes-apis.ts';
import { helmsUnderTest } from './helms.ts';
import { chartFolder, releaseOf } from './packed-chart.ts';
import { renderObjects } from './render-objects.ts';

const removed = (since: string, replacement?: string): object => ({
  state: 'removed',
  since,
  ...(replacement === undefined ? {} : { replacement }),
});
const served = { state: 'served' };

/** From the deprecation guide of Kubernetes, not from the sources that the data was made of. */
const states: readonly (readonly [version: string, apiVersion: string, kind: string, state: object])[] = [
  ['1.36', 'autoscaling/v2beta1', 'HorizontalPodAutoscaler', removed('1.25', 'autoscaling/v2')],
  ['1.36', 'autoscaling/v2beta2', 'HorizontalPodAutoscaler', removed('1.26', 'autoscaling/v2')],
  ['1.36', 'policy/v1beta1', 'PodSecurityPolicy', removed('1.25')],
  ['1.36', 'policy/v1beta1', 'PodDisruptionBudget', removed('1.25', 'policy/v1')],
  ['1.36', 'apiextensions.k8s.io/v1beta1', 'CustomResourceDefinition', removed('1.22', 'apiextensions.k8s.io/v1')],
  ['1.36', 'extensions/v1beta1', 'Ingress', removed('1.22', 'networking.k8s.io/v1')],
  ['1.36', 'networking.k8s.io/v1beta1', 'Ingress', removed('1.22', 'networking.k8s.io/v1')],
  ['1.36', 'extensions/v1beta1', 'Deployment', removed('1.16', 'apps/v1')],
  ['1.36', 'batch/v1beta1', 'CronJob', removed('1.25', 'batch/v1')],
  ['1.36', 'rbac.authorization.k8s.io/v1beta1', 'Role', removed('1.22', 'rbac.authorization.k8s.io/v1')],
  ['1.36', 'node.k8s.io/v1beta1', 'RuntimeClass', removed('1.25', 'node.k8s.io/v1')],
  ['1.36', 'apiregistration.k8s.io/v1beta1', 'APIService', removed('1.22', 'apiregistration.k8s.io/v1')],
  // The first replacement is gone as well.
  ['1.36', 'flowcontrol.apiserver.k8s.io/v1beta1', 'FlowSchema', removed('1.26', 'flowcontrol.apiserver.k8s.io/v1')],
  ['1.31', 'flowcontrol.apiserver.k8s.io/v1beta3', 'FlowSchema', served],
  ['1.32', 'flowcontrol.apiserver.k8s.io/v1beta3', 'FlowSchema', removed('1.32', 'flowcontrol.apiserver.k8s.io/v1')],
  ['1.24', 'policy/v1beta1', 'PodDisruptionBudget', served],
  ['1.33', 'resource.k8s.io/v1', 'DeviceClass', { state: 'later', from: '1.34' }],
  ['1.33', 'resource.k8s.io/v1beta1', 'DeviceClass', { state: 'off' }],
  ['1.34', 'resource.k8s.io/v1', 'DeviceClass', served],
  ['1.28', 'apps/v1', 'Deployment', served],
  ['1.31.3', 'flowcontrol.apiserver.k8s.io/v1beta3', 'FlowSchema', served],
  ['1.99', 'apps/v1', 'Deployment', served],
  ['1.36', 'monitoring.coreos.com/v1', 'ServiceMonitor', { state: 'custom' }],
];

for (const [version, apiVersion, kind, state] of states) {
  test(`Kubernetes ${version}: ${apiVersion} ${kind} is ${Object.values(state).join(', ')}`, () => {
    assert.deepEqual(apiState(version, apiVersion, kind), state);
  });
}

test('a cluster names versions and kinds, and nothing that is off by default', () => {
  const apis = apisOf('1.33');
  for (const api of ['v1', 'v1/Pod', 'apps/v1/Deployment', 'apiregistration.k8s.io/v1']) assert.ok(apis.includes(api), api);
  for (const api of ['resource.k8s.io/v1', 'resource.k8s.io/v1beta1', 'policy/v1beta1']) assert.ok(!apis.includes(api), api);
});

for (const helm of await helmsUnderTest()) {
  test(`helm ${helm.version}: a chart that asks for kinds is rendered as on a cluster of that minor`, async (t) => {
    const asked = ['v1/Pod', 'policy/v1/PodDisruptionBudget', 'resource.k8s.io/v1/DeviceClass', 'apiregistration.k8s.io/v1'];
    const data = asked.map((api) => `  ${api.replaceAll('/', '_')}: "{{ .Capabilities.APIVersions.Has "${api}" }}"\n`).join('');
    const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n${data}`;
    const release = await releaseOf(t, await chartFolder(t, { 'templates/a.yaml': text }));
    const answers = async (kubernetes: string): Promise<unknown> => {
      const [object] = await renderObjects(helm, release, { kubernetes, signal: t.signal });
      return Object.values(object?.value.data ?? {}).join(' ');
    };
    assert.equal(await answers('1.36'), 'true true true true');
    assert.equal(await answers('1.33'), 'true true false true');
  });
}
