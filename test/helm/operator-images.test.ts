import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBase } from '../../helm/base-render.ts';
import { findOperatorImages } from '../../helm/findings/operator-images.ts';
import { readManifests } from '../../helm/manifest-stream.ts';

const found = (kind: string, spec: string, apiVersion = 'shop.example.com/v1'): string[] => {
  const stream = `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: it}\nspec: ${spec}\n`;
  return findOperatorImages([readBase(readManifests(stream), '1.36')]).map(({ message }) => message.split(/[:;] /).at(-1) ?? '');
};

const cases: readonly { readonly why: string; readonly kind?: string; readonly spec: string; readonly says?: string }[] = [
  { why: 'a version and node sets', spec: '{version: 9.1.0, nodeSets: [{count: 1}]}', says: 'spec.version (9.1.0)' },
  { why: 'a version further down', spec: '{kafka: {version: 4.0.0, replicas: 3}}', says: 'spec.kafka.version (4.0.0)' },
  { why: 'another word for it', spec: '{postgresVersion: 17, instances: []}', says: 'spec.postgresVersion (17)' },
  { why: 'replicas alone', spec: '{replicaCount: 1}', says: 'by itself' },
  { why: 'an image of its own', spec: '{version: 9.1.0, replicas: 1, image: "quay.io/shop/db:9.1.0"}' },
  { why: 'a version and nothing that runs', spec: '{version: 9.1.0, url: there}' },
  { why: 'machines', kind: 'MachineDeployment', spec: '{version: v1.36.0, replicas: 3}' },
];
for (const { why, kind = 'Store', spec, says } of cases) {
  test(`a custom resource with ${why} ${says === undefined ? 'is left alone' : 'has its image chosen by an operator'}`, () => {
    const [message, ...more] = found(kind, spec);
    assert.deepEqual(more, []);
    assert.equal(message?.endsWith(says ?? '') ?? false, says !== undefined, message);
  });
}

test('a kind of Kubernetes is left alone, and "image: auto" is told', () => {
  assert.deepEqual(found('ReplicaSet', '{replicas: 1, minVersion: 1}', 'apps/v1'), []);
  const [message] = found('Deployment', '{template: {spec: {containers: [{name: proxy, image: auto}]}}}', 'apps/v1');
  assert.match(message ?? '', /auto|webhook/);
});
