import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readManifests } from '../../helm/manifest-stream.ts';
import { checkPostRendered, postRender } from '../../helm/post-render/post-render.ts';
import type { PostRender } from '../../helm/post-render/post-render-rule.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const images = {
  'quay.io/a/b:1': 'r.internal:5000/m/quay.io/a/b:1',
  redis: 'r.internal:5000/m/docker.io/library/redis',
  'nvcr.io/nvidia/driver:5.1': 'r.internal:5000/m/nvcr.io/nvidia/driver:5.1',
  'docker.io/redis:7': 'r.internal:5000/m/docker.io/library/redis:7',
  [`quay.io/a/c@${digest}`]: `r.internal:5000/m/quay.io/a/c@${digest}`,
};
const rule: PostRender = { images, hooks: true };

const pod = (image: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - image: ${image}\n`;
const map = (entry: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n${entry}\n`;
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const resource = (spec: string): string => `apiVersion: x.io/v1\nkind: Thing\nmetadata: {name: a}\nspec: ${spec}\n`;

/** `was` and `is` are the only parts of a stream that differ. */
const replaced: readonly { readonly name: string; readonly document: (text: string) => string; was: string; is: string }[] = [
  { name: 'a plain string', document: pod, was: 'quay.io/a/b:1', is: images['quay.io/a/b:1'] },
  { name: 'a string in single quotes', document: (text) => pod(`'${text}'`), was: 'redis', is: images.redis },
  { name: 'a string in double quotes', document: (text) => pod(`"${text}" # redis`), was: 'redis', is: images.redis },
  {
    name: 'a string under a tag',
    document: (text) => pod(`!!str ${text}`),
    was: `quay.io/a/c@${digest}`,
    is: `r.internal:5000/m/quay.io/a/c@${digest}`,
  },
  {
    name: 'the second of a comma list, the first of which is another image of the same beginning',
    document: (text) => resource(`{args: ["--images=quay.io/a/b:1.2,${text}"], cpu: 1.10}`),
    was: 'quay.io/a/b:1',
    is: images['quay.io/a/b:1'],
  },
  {
    name: 'a map with a registry',
    document: (text) => resource(`{image: {registry: ${text}, repository: redis, tag: 7}}`),
    was: 'docker.io',
    is: 'r.internal:5000/m/docker.io/library',
  },
  {
    name: 'a map of repository, image and version',
    document: (text) => resource(`{driver: {repository: ${text}, image: driver, version: "5.1"}}`),
    was: 'nvcr.io/nvidia',
    is: 'r.internal:5000/m/nvcr.io/nvidia',
  },
  {
    name: 'a base above names and tags',
    document: (text) => resource(`{base: ${text}, parts: {one: {tag: "1", match: [{image: b}]}}}`),
    was: 'quay.io/a',
    is: 'r.internal:5000/m/quay.io/a',
  },
  {
    name: 'YAML in a block of text',
    document: (text) => map(`  a.yaml: |-\n    # quay.io/a/b:1\n    cpu: 1.10\n    image:   ${text}   # as is\n`),
    was: 'quay.io/a/b:1',
    is: images['quay.io/a/b:1'],
  },
  {
    name: 'JSON in double quotes',
    document: (text) => map(`  a.json: "{\\"cpu\\": 1.10, \\"image\\": \\"${text}\\"}"`),
    was: 'quay.io/a/b:1',
    is: images['quay.io/a/b:1'],
  },
  {
    name: 'JSON in folded text',
    document: (text) => map(`  a.json: >-\n    {"cpu": 1.10,\n    "image": "${text}"}\n`),
    was: 'quay.io/a/b:1',
    is: images['quay.io/a/b:1'],
  },
  {
    name: 'JSON whose lines begin left of its key',
    document: (text) => `${resource(`\n  image: ${text}`)}  values: {\n  "cpu": 1.10\n}\n`,
    was: 'quay.io/a/b:1',
    is: images['quay.io/a/b:1'],
  },
  {
    name: 'YAML inside YAML',
    document: (text) => map(`  a.yaml: |\n    inner: |\n      image: ${text}\n`),
    was: 'quay.io/a/b:1',
    is: images['quay.io/a/b:1'],
  },
  {
    name: 'base64',
    document: (text) =>
      `apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: ${base64(`cpu: 1.10\nimage: ${text} # as is\n`)}}\n`,
    was: 'quay.io/a/b:1',
    is: images['quay.io/a/b:1'],
  },
  {
    name: 'base64 of JSON that holds base64',
    document: (text) => {
      const inner = base64(JSON.stringify({ image: text }));
      return `apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n  a: "${base64(JSON.stringify({ imageConfig: inner }))}"\n`;
    },
    was: 'quay.io/a/b:1',
    is: images['quay.io/a/b:1'],
  },
  {
    name: 'an item of a List',
    document: (text) =>
      `apiVersion: v1\nkind: List\nitems:\n- ${resource('{a: 1}').trimEnd().replaceAll('\n', '\n  ')}\n- ${pod(text).trimEnd().replaceAll('\n', '\n  ')}\n`,
    was: 'redis',
    is: images.redis,
  },
  {
    name: 'an anchor, which its aliases repeat',
    document: (text) => resource(`{image: &x ${text}, sidecar: {image: *x}}`),
    was: 'quay.io/a/b:1',
    is: images['quay.io/a/b:1'],
  },
  {
    name: 'a document after a separator with something behind it',
    document: (text) => `${resource('{a: 1}')}---${pod(text)}`,
    was: 'quay.io/a/b:1',
    is: images['quay.io/a/b:1'],
  },
];

for (const { name, document, was, is } of replaced) {
  test(`${name}: the reference changes and no other byte does`, () => {
    const frame = (text: string): string => `---\n# Source: shop/templates/a.yaml\n${document(text)}\n---\n# nothing\n`;
    const edited = postRender(frame(was), rule);
    assert.equal(edited, frame(is));
    assert.equal(postRender(edited, rule), edited);
    assert.doesNotThrow(() => checkPostRendered(edited, rule));
    assert.throws(() => checkPostRendered(frame(was), rule), { code: 'REWRITE_UNPROVEN' });
  });
}

test('a string that is written in another way than it reads is written anew, whole', () => {
  const edited = postRender(
    map('  a.json: "{\\"image\\": \\"quay.io\\\\/a\\\\/b:1\\", \\"cpu\\": 1.10}"\n  b: |\n    redis\n'),
    rule,
  );
  assert.match(edited, /1\.10/);
  const [object] = readManifests(edited);
  const data = object?.value.data as Record<string, string>;
  assert.deepEqual(JSON.parse(data['a.json'] ?? ''), { image: images['quay.io/a/b:1'], cpu: 1.1 });
  assert.equal(data.b, 'redis\n');
});

test('hooks stay as they are where helm keeps them to itself', () => {
  const hook = pod('redis').replace('{name: a}', '{name: a, annotations: {helm.sh/hook: pre-install}}');
  assert.equal(postRender(hook, { ...rule, hooks: false }), hook);
  assert.notEqual(postRender(hook, rule), hook);
});

const secretless: Readonly<Record<string, { readonly spec: string; readonly names: readonly string[] }>> = {
  'a block without any': { spec: '\n  # first\n  containers: [{image: redis}]', names: ['site'] },
  'a block with one': { spec: '\n  imagePullSecrets:\n  - name: own # mine\n  containers: []', names: ['site', 'own'] },
  'a block with an indented one': { spec: '\n  imagePullSecrets:\n    - name: own\n  containers: []', names: ['site', 'own'] },
  'a block with none named': { spec: '\n  imagePullSecrets:\n  containers: []', names: ['site'] },
  'a block with null': { spec: '\n  imagePullSecrets: null\n  containers: []', names: ['site'] },
  'an empty list': { spec: '\n  containers: []\n  imagePullSecrets: []', names: ['site'] },
  'a flow map': { spec: '{containers: [{image: redis}]}', names: ['site'] },
  'a flow list': { spec: '{containers: [], "imagePullSecrets": [{"name": "own"}]}', names: ['site', 'own'] },
  'one that has it': { spec: '{containers: [], imagePullSecrets: [{name: site}]}', names: ['site'] },
};

for (const [name, { spec, names }] of Object.entries(secretless)) {
  test(`pull secrets of ${name}: the site's is added, once`, () => {
    const document = `apiVersion: batch/v1\nkind: Job\nmetadata: {name: shop-x7f}\nspec: {template: {spec: ${spec}}}\n`;
    const blocks = `apiVersion: v1\nkind: Pod\nmetadata: {name: shop-x7f}\nspec: ${spec}\n`;
    const stream = spec.startsWith('{') ? document : blocks;
    const pods = [{ kind: spec.startsWith('{') ? 'Job' : 'Pod', name: 'shop-*' }];
    const secretRule = { images: {}, pullSecret: { name: 'site', pods }, hooks: true };
    const edited = postRender(stream, secretRule);
    assert.equal(postRender(edited, secretRule), edited);
    const list = JSON.stringify(readManifests(edited)[0]?.value).match(/"imagePullSecrets":(\[.*?\])/)?.[1] ?? '[]';
    assert.deepEqual(
      JSON.parse(list).map((entry: { name: string }) => entry.name),
      names,
    );
    const other = stream.replace('shop-x7f', 'other');
    assert.equal(postRender(other, secretRule), other);
  });
}

test('whatever an object holds besides, it reads the same afterwards', () => {
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<unknown>('quay.io/a/b:1', 'x quay.io/a/b:1,y', '1.10', 'true', '', null, 7, false),
      fc.string(),
      fc.array(tie('node'), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom('image', 'a', 'b: c', "it's", '"', 'args'), tie('node'), { maxKeys: 4 }),
    ),
  })).node;
  const back = (text: string): string => text.replaceAll(images['quay.io/a/b:1'], 'quay.io/a/b:1');
  const property = fc.property(value, (spec) => {
    const stream = JSON.stringify({ apiVersion: 'x.io/v1', kind: 'Thing', metadata: { name: 'a' }, spec }, null, 2);
    const edited = postRender(stream, { images: { 'quay.io/a/b:1': images['quay.io/a/b:1'] }, hooks: true });
    assert.equal(back(edited), stream);
    assert.equal(postRender(edited, rule), edited);
  });
  fc.assert(property, { numRuns: 300 });
});
