import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Gate } from '../../helm/gates/gate.ts';
import type { GateRender } from '../../helm/gates/gate-render.ts';
import { changesImages, isOtherPin, withoutVariants } from '../../helm/gates/gate-variants.ts';
import { parsePath } from '../../helm/values-path.ts';

const gate = (path: string, value: unknown): Gate => ({ settings: [{ path: parsePath(path) ?? [], value }], where: 'a.yaml:1' });
const shows = (opened: Gate, ...references: string[]): Pick<GateRender, 'gate' | 'references'> => ({
  gate: opened,
  references: new Set(references),
});

for (const [path, value, isPin] of [
  ['image.tag', '', true],
  ['image.sha', 'placeholder', true],
  ['image.registry', '', true],
  ['image.repository', 'placeholder', false],
  ['image.tag', '2-alpine', false],
  ['metrics.enabled', true, false],
] as const) {
  test(`${path}=${JSON.stringify(value)} is ${isPin ? 'only another pin or host' : 'worth a render'}`, () => {
    assert.equal(isOtherPin(gate(path, value)), isPin);
  });
}

test('a gate that makes up a part of an image shows no other tag or host of a known one, but what else it opens', () => {
  const made = gate('release', 'placeholder');
  assert.ok(changesImages(made));
  const plain = shows(gate('mode', 'ha'), 'quay.io/shop/api:2');
  const opened = [shows(made, 'quay.io/shop/api:latest', 'docker.io/shop/tool:1'), plain] as GateRender[];
  const left = withoutVariants(opened, ['quay.io/shop/api:1']).map(({ references }) => [...references]);
  assert.deepEqual(left, [['docker.io/shop/tool:1'], ['quay.io/shop/api:2']]);
});

test('a word shows no image that is there under another host, a switch does', () => {
  const deployed = ['registry.shop.example/agent:7'];
  const moved = shows(gate('site', 'eu'), 'eu.gcr.io/shop/agent:7', 'eu.gcr.io/shop/runner:1');
  const switched = shows(gate('marketplace.enabled', true), 'public.ecr.aws/shop/agent:7');
  const left = withoutVariants([moved, switched] as GateRender[], deployed).map(({ references }) => [...references]);
  assert.deepEqual(left, [['eu.gcr.io/shop/runner:1'], ['public.ecr.aws/shop/agent:7']]);
});
