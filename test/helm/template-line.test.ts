import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findTemplateLine, type Printed } from '../../helm/templates/template-line.ts';

const image: Printed = {
  text: 'quay.io/shop/api:1.0',
  path: ['spec', 'containers', 0, 'image'],
  valuesPaths: [['api', 'image', 'repository']],
};

const cases: readonly {
  readonly name: string;
  readonly source: string;
  readonly printed?: Partial<Printed>;
  readonly line?: number;
}[] = [
  { name: 'the literal', source: 'a: 1\nimage: quay.io/shop/api:1.0\n', line: 2 },
  { name: 'the name, its tag made elsewhere', source: 'image: x\nimage: "quay.io/shop/api:{{ .Values.tag }}"\n', line: 2 },
  { name: 'the literal, not where a comment has it', source: '# quay.io/shop/api:1.0\nimage: quay.io/shop/api:1.0\n', line: 2 },
  {
    name: 'the value beside the key',
    source:
      '{{ if .Values.api.image.repository }}\nimage: {{ .Values.other.image }}\nimage: {{ .Values.api.image.repository }}\n',
    line: 3,
  },
  { name: 'the value in the scope of a subchart', source: 'image: a\nimage: {{ .Values.image.repository }}\n', line: 2 },
  { name: 'the map that a helper is given', source: 'image: a\nimage: {{ include "image" .Values.api.image }}\n', line: 2 },
  { name: 'the key that a helper fills', source: 'imagePullPolicy: {{ .x }}\nimage: {{ include "image" . }}\n', line: 2 },
  {
    name: 'the value alone, where the key is made too',
    source: 'a: 1\n{{ $image := .Values.api.image.repository }}\n',
    line: 2,
  },
  {
    name: 'the one of two containers that is called like the image',
    source: 'image: {{ include "worker" . }}\nimage: {{ include "shop.api" . }}\n',
    line: 2,
  },
  {
    name: 'an argument, below the key of its list',
    source: 'args:\n  - --debug\n  - --image={{ include "api.image" . }}\n',
    printed: { path: ['spec', 'args', 1], valuesPaths: [] },
    line: 3,
  },
  {
    name: 'below the flag that names it',
    source: 'args:\n  - --sidecar={{ .Values.api.image }}\n  - --worker={{ .x }}\n',
    printed: { path: ['spec', 'args', 1], mark: '--worker=' },
    line: 3,
  },
  {
    name: 'the value of the variable',
    source: '- name: A\n  value: {{ .a }}\n- name: WORKER\n  value: {{ .b }}\n',
    printed: { path: ['spec', 'env', 1, 'value'], mark: 'WORKER' },
    line: 4,
  },
  {
    name: 'of two literals the one of the variable',
    source: '- name: A\n  value: quay.io/shop/api:1.0\n- name: B\n  value: quay.io/shop/api:1.0\n',
    printed: { path: ['spec', 'env', 1, 'value'], mark: 'B' },
    line: 4,
  },
  {
    name: 'the key below the line that prepares the value',
    source: 'image: {{ include "image" . }}\n{{ $x := dict "image" .Values.api.image }}\nimage: {{ include "image" $x }}\n',
    line: 3,
  },
  {
    name: 'not a longer name',
    source: 'args: [{{ .Values.api.imageRepository }}]\nargs: [{{ .Values.api.image }}]\n',
    printed: { path: ['spec', 'args', 1] },
    line: 2,
  },
  { name: 'nothing of it', source: '{{ include "all" . }}\n' },
];
for (const { name, source, printed = {}, line } of cases) {
  test(`the template line: ${name}`, () =>
    assert.equal(
      findTemplateLine(new Map([['shop/templates/pod.yaml', source]]), 'shop/templates/pod.yaml', { ...image, ...printed })?.line,
      line,
    ));
}

test('the template line: in the helper of a helper, when the template itself says nothing', () => {
  const sources = new Map([
    ['shop/templates/pod.yaml', '{{ include "shop.pod" . }}\n'],
    ['shop/templates/_pod.tpl', '{{- define "shop.pod" }}\n{{ template "shop.containers" . }}\n{{- end }}\n'],
    ['shop/templates/_other.tpl', '{{- define "shop.other" }}\nimage: {{ .Values.api.image }}\n{{- end }}\n'],
    [
      'shop/templates/_list.tpl',
      '{{- define "shop.x" }}\n{{- end }}\n{{- define "shop.containers" -}}\n\nimage: {{ .x }}\n{{- end }}\n',
    ],
  ]);
  assert.deepEqual(findTemplateLine(sources, 'shop/templates/pod.yaml', image), {
    file: 'shop/templates/_list.tpl',
    line: 5,
  });
});
