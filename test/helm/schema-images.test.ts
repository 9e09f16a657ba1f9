import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findSchemaImages } from '../../helm/findings/schema-images.ts';

const file = (path: string, text: string) => ({ chart: 'shop', path, body: Buffer.from(text) });
const definition = (text: string): string =>
  `apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec:\n${text}\n`;
const found = (path: string, text: string): string[] =>
  findSchemaImages([file(path, text)], new Set(['quay.io/shop/api:1'])).map(({ message }) => message.split(' ')[0] ?? '');

const cases: readonly {
  readonly why: string;
  readonly path?: string;
  readonly text: string;
  readonly found: readonly string[];
}[] = [
  { why: 'an image', text: definition('  default: quay.io/shop/db:1'), found: ['quay.io/shop/db:1'] },
  { why: 'one of Docker Hub, in quotes', text: definition('  default: "shop/db:1.0"'), found: ['docker.io/shop/db:1.0'] },
  {
    why: 'one in a template',
    path: 'templates/crd.yaml',
    text: definition('{{ x }}\n  default: a/b:1'),
    found: ['docker.io/a/b:1'],
  },
  { why: 'one that renders show', text: definition('  default: quay.io/shop/api:1'), found: [] },
  { why: 'a path', text: definition('  default: var/log/shop'), found: [] },
  { why: 'an address', text: definition('  default: https://quay.io/shop/db:1'), found: [] },
  { why: 'an image of another kind of object', text: 'kind: ConfigMap\ndefault: quay.io/shop/db:1', found: [] },
  { why: 'a test of the chart', path: 'tests/crd.yaml', text: definition('  default: quay.io/shop/db:1'), found: [] },
];
for (const { why, path = 'crds/db.yaml', text, found: expected } of cases) {
  test(`a default in a schema that is ${why} is ${expected.length === 0 ? 'nothing' : 'told'}`, () =>
    assert.deepEqual(found(path, text), expected));
}
