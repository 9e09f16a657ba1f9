import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readManifests } from '../../helm/manifest-stream.ts';
import { findForeignNames } from '../../helm/references/foreign-names.ts';
import { findForeignTexts } from '../../helm/references/foreign-text.ts';

const target = { host: 'registry.internal:5000', prefix: 'm' };
const known = ['quay.io/shop/api:1', 'redis:7.2'];
const foreign = (text: string, ignored = ''): string[] =>
  findForeignTexts(`# Source: shop/templates/all.yaml\nkind: ConfigMap\nmetadata: {name: all}\n${text}`, {
    target,
    known,
    isIgnored: (one) => one === ignored,
    values: {},
  }).map(({ severity, message }) => `${severity} ${message.split(' ')[0]}`);

const lines: readonly { readonly text: string; readonly found: readonly string[]; readonly why: string }[] = [
  { why: 'the host and path of a known image', text: 'run: quay.io/shop/api', found: ['warning quay.io/shop/api'] },
  { why: 'another tag of it', text: 'says quay.io/shop/api:0.9 is old', found: ['warning quay.io/shop/api:0.9'] },
  { why: 'the very words of a known image', text: 'run: [redis:7.2]', found: ['warning redis:7.2'] },
  { why: 'a pinned reference as image', text: '  - image: busybox:1.28 # tools', found: ['warning busybox:1.28'] },
  { why: 'the same in JSON in a string', text: 'a: "{\\"image\\":\\"busybox:1.28\\"}"', found: ['warning busybox:1.28'] },
  { why: 'another path at a known registry', text: 'base: quay.io/shop', found: ['info quay.io/shop'] },
  { why: 'a path at a registry that is one by its name', text: 'repository: ghcr.io/x/y', found: ['info ghcr.io/x/y'] },
  { why: 'a full version elsewhere', text: 'a: images.example.com/y:1.2.3', found: ['info images.example.com/y:1.2.3'] },
  {
    why: 'base64 of a document',
    text: `a: ${Buffer.from('worker:\n  image: busybox:1.28\n').toString('base64')}`,
    found: ['warning busybox:1.28'],
  },
  { why: 'a local reference', text: 'image: registry.internal:5000/m/quay.io/shop/api:1', found: [] },
  { why: 'a comment', text: '# image: quay.io/shop/api:1', found: [] },
  { why: 'an address', text: 'a: https://quay.io/shop/api', found: [] },
  { why: 'a page of code', text: 'a: github.com/shop/api:1.2.3', found: [] },
  { why: 'a word with a number', text: 'a: redis:7', found: [] },
  { why: 'a picture', text: 'image: pictures/logo.png', found: [] },
  { why: 'an unfinished template', text: 'image: "{{ .x }}"', found: [] },
];
for (const { why, text, found } of lines) {
  test(`after a rewrite, ${why} is ${found.length === 0 ? 'nothing' : 'told'}`, () => assert.deepEqual(foreign(text), found));
}

test('what the spec ignores, and schemas, are not told', () => {
  assert.deepEqual(foreign('a: ghcr.io/x/y:1.2.3', 'ghcr.io/x/y:1.2.3'), []);
  const schema = 'kind: CustomResourceDefinition\nspec: {default: "quay.io/shop/api:1"}\n';
  assert.deepEqual(findForeignTexts(schema, { target, known, isIgnored: () => false, values: {} }), []);
});

test('the place is named once, with its object, template and value', () => {
  const [finding, ...more] = findForeignTexts(
    '# Source: shop/templates/a.yaml\nkind: Secret\nmetadata:\n  labels: {a: b}\n  name: "all"\nx: quay.io/shop/api\ny: quay.io/shop/api\n',
    { target, known, isIgnored: () => false, values: { list: [{ base: 'quay.io/shop/api/%(type)s' }] } },
  );
  assert.deepEqual(
    [finding?.message, more],
    [
      'quay.io/shop/api still stands in Secret/all (shop/templates/a.yaml) after the rewrite; list[0].base of the values says the same',
      [],
    ],
  );
});

test('the bare name of an image that the release uses is told, under a key that says name of an image', () => {
  const objects = readManifests(
    '# Source: shop/templates/a.yaml\nkind: ConfigMap\nmetadata: {name: mariadb}\ndata: {RELATED_IMAGE_DB_NAME: mariadb, DB: mariadb, otherImageName: mysql}\n',
  );
  const found = findForeignNames(objects, ['mariadb:11.8.8']);
  assert.deepEqual(
    found.map(({ severity, where }) => `${severity} ${where}`),
    ['warning ConfigMap/mariadb RELATED_IMAGE_DB_NAME'],
  );
});
