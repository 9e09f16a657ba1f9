import assert from 'node:assert/strict';
import { test } from 'node:test';
import { discoverRelease } from '../../helm/discover.ts';
import { readEffectiveValues } from '../../helm/effective-values.ts';
import { splitValuesDocuments } from '../../helm/values-documents.ts';
import { helmsUnderTest } from './helms.ts';
import { chartFolder, releaseOf } from './packed-chart.ts';

/** What both majors have to make of one values layer; `says`: how they refuse it. */
const layers: readonly { readonly name: string; readonly text: string; readonly values?: unknown; readonly says?: RegExp }[] = [
  { name: 'one document', text: 'a: 1\n', values: { a: 1 } },
  { name: 'a separator before the first', text: '---\na: 1\n', values: { a: 1 } },
  { name: 'two documents, merged', text: 'a: {b: 1, c: 1}\n---\na: {c: 2}\nd: 3\n', values: { a: { b: 1, c: 2 }, d: 3 } },
  { name: 'a list, replaced', text: 'a: [1, 2]\n---\na: [3]\n', values: { a: [3] } },
  { name: 'a map behind a null, anew', text: 'a: {b: 1}\n---\na: null\n---\na: {c: 1}\n', values: { a: { c: 1 } } },
  { name: 'comments and empty documents', text: '# x\n---\na: 1\n--- # y\n\n---\n# z\n---\nb: 2\n---', values: { a: 1, b: 2 } },
  { name: 'an end mark', text: 'a: 1\n...\n---\nb: 2', values: { a: 1, b: 2 } },
  { name: 'ends of lines from Windows', text: 'a: 1\r\n---\r\nb: 2\r\n', values: { a: 1, b: 2 } },
  { name: 'dashes that separate nothing', text: 'a: |\n  x\n  ---\n  y\n', values: { a: 'x\n---\ny\n' } },
  { name: 'more on the line', text: 'a: 1\n--- {b: 2}\n', says: /values 1: .*(?:separator|begins with "---")/ },
  { name: 'more on the first line', text: '--- {b: 2}\n', says: /values 1: .*(?:separator|begins with "---")/ },
  { name: 'a list as second document', text: 'a: 1\n---\n[x]\n', says: /values 1: / },
];

for (const helm of await helmsUnderTest()) {
  for (const { name, text, values, says } of layers) {
    test(`helm ${helm.version}, values: ${name}`, async (t) => {
      const release = await releaseOf(t, await chartFolder(t, {}), [text]);
      const read = readEffectiveValues(helm, release, { signal: t.signal });
      if (says === undefined) assert.deepEqual(await read, values);
      else await assert.rejects(read, says);
    });
  }

  test(`helm ${helm.version}: a later layer wins over every document of an earlier one`, async (t) => {
    const release = await releaseOf(t, await chartFolder(t, {}), ['a: 1\n---\nb: 1\n', 'b: 2\n']);
    assert.deepEqual(await readEffectiveValues(helm, release, { signal: t.signal }), { a: 1, b: 2 });
  });

  for (const path of ['values.yaml', 'charts/sub/values.yaml']) {
    test(`helm ${helm.version}: a chart with two documents in its ${path} is read whole or refused`, async (t) => {
      const files = {
        'charts/sub/Chart.yaml': 'apiVersion: v2\nname: sub\nversion: 1.0.0\n',
        [path]: '# ours\n---\nx: 1\n---\nimage: quay.io/shop/api:1.4.2\n',
        [path.replace('values', 'templates/pod')]:
          'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: "{{ .Values.image }}"}]}\n',
      };
      const release = await releaseOf(t, await chartFolder(t, files));
      const found = discoverRelease(helm, release, { kubernetes: ['1.36'], paths: [], ignore: [], signal: t.signal });
      if (helm.major === 3) await assert.rejects(found, { code: 'CHART_INVALID', hint: /Helm 4/ });
      else assert.deepEqual((await found).references[0]?.reference, 'quay.io/shop/api:1.4.2');
    });
  }

  test(`helm ${helm.version}: a chart whose values begin with a comment and a separator is nothing special`, async (t) => {
    const release = await releaseOf(t, await chartFolder(t, { 'values.yaml': '# licence\n\n---\na: 1\n' }));
    const { values } = await discoverRelease(helm, release, { kubernetes: ['1.36'], paths: [], ignore: [], signal: t.signal });
    assert.deepEqual(values, { a: 1 });
  });
}

test('a document keeps its text byte for byte', () => {
  assert.deepEqual(splitValuesDocuments('a:  1 # x\r\n---\n\tb', 'x'), ['a:  1 # x\r', '\tb']);
});
