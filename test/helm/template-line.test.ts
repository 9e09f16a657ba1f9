import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findTemplateLine, type Printed } from '../../helm/template-line.ts';

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
    name: 'not a longer name',
    source: 'args: [{{ .Values.api.imageRepository }}]\nargs: [{{ .Values.api.image }}]\n',
    printed: { path: ['spec', 'args', 1] },
    line: 2,
  },
  { name: 'nothing of it', source: '{{ include "all" . }}\n' },
];
for (const { name, source, printed = {}, line } of cases) {
  test(`the template line: ${name}`, () => assert.equal(findTemplateLine(source, { ...image, ...printed }), line));
}
