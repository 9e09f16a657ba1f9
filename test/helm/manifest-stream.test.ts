import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readManifests, splitManifests } from '../../helm/manifest-stream.ts';

const streams: readonly { readonly name: string; readonly text: string; readonly documents: readonly string[] }[] = [
  { name: 'two documents', text: '---\na: 1\n---\nb: 2\n', documents: ['a: 1\n', 'b: 2\n'] },
  { name: 'a separator glued to what follows', text: 'a: 1\n---b: 2\n', documents: ['a: 1\n', 'b: 2\n'] },
  { name: 'spaces and a comment behind the separator', text: '--- \t# one\na: 1', documents: ['# one\na: 1'] },
  { name: 'empty documents', text: '\n\n---\n---\n  \n---\na: 1\n', documents: ['a: 1\n'] },
  { name: 'dashes inside a line or indented', text: 'a: x---y\nb: |\n  ---\n', documents: ['a: x---y\nb: |\n  ---\n'] },
  { name: 'Windows line ends', text: 'a: 1\r\n---\r\nb: 2\r\n', documents: ['a: 1\r\n', 'b: 2\r\n'] },
];
for (const { name, text, documents } of streams) {
  test(`${name} are split as helm splits them`, () => assert.deepEqual(splitManifests(text), documents));
}

test('objects carry their template, name, namespace and hook', () => {
  const [pod, second] = readManifests(
    [
      '---\n# Source: shop/templates/pod.yaml\napiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  namespace: b\n  annotations: {helm.sh/hook: test}',
      '---\n# Source: shop/templates/all.yaml\n---\napiVersion: v1\nkind: Pod\nmetadata: {generateName: run-}\n',
    ].join('\n'),
  );
  assert.deepEqual(pod && [pod.template, pod.kind, pod.name, pod.namespace, pod.hook], [
    'shop/templates/pod.yaml',
    'Pod',
    'a',
    'b',
    'test',
  ]);
  assert.deepEqual(second && [second.template, second.name, second.namespace], ['shop/templates/all.yaml', 'run-*', undefined]);
});

test('the items of lists are objects of their own, lists in lists too', () => {
  const stream =
    'apiVersion: v1\nkind: List\nitems:\n- {kind: Pod}\n- kind: ConfigMapList\n  items: [{kind: ConfigMap}, {kind: Secret}]\n';
  assert.deepEqual(
    readManifests(stream).map(({ kind }) => kind),
    ['Pod', 'ConfigMap', 'Secret'],
  );
});

test('values are read by the rules of YAML 1.1, and a comment alone is no object', () => {
  const [object] = readManifests('# nothing\n---\nkind: X\nmode: 0644\non: yes\nplain: =\n');
  assert.deepEqual(object?.value, { kind: 'X', mode: 420, true: true, plain: '=' });
});

test('a custom resource definition is read without its schema', () => {
  const crd =
    'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: things\nspec:\n  group: [unclosed';
  assert.deepEqual(
    readManifests(crd).map(({ kind, name }) => [kind, name]),
    [['CustomResourceDefinition', 'things']],
  );
});

for (const [name, document] of [
  ['broken YAML', 'a: [1'],
  ['text alone', 'just words'],
  ['a list', '- a'],
] as const) {
  test(`${name} is an error that names the template`, () => {
    const read = () => readManifests(`# Source: shop/templates/bad.yaml\n${document}\n`);
    assert.throws(read, { code: 'RENDER_UNREADABLE', message: /shop\/templates\/bad\.yaml/ });
  });
}
