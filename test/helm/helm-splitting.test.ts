/** Streams made at random, printed by a chart: helm itself says how many documents there are and what is in them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readManifests } from '../../helm/manifest-stream.ts';
import { renderManifests } from '../../helm/render.ts';
import { helmsUnderTest } from './helms.ts';
import { chartFolder, releaseOf } from './packed-chart.ts';

/** Text below a key of a ConfigMap, as a block: lines that look like separators stay text where they are indented. */
const blockLine = fc.constantFrom('---', '--- ', '---glued', '# a comment', 'key: value', '', '- item', '...', 'a --- b');
const block = fc.array(blockLine, { minLength: 1, maxLength: 5 }).map((lines) => lines.map((line) => `    ${line}`).join('\n'));
const folded = fc.constantFrom('|', '|-', '|+', '>', '>-');
const body = fc.record({ kind: fc.constantFrom('ConfigMap', 'Secret', 'Widget'), block, folded }).map(
  (document) => `kind: ${document.kind}
data:
  text: ${document.folded}
${document.block}`,
);
const noise = fc.constantFrom('', '\n', '# a comment\n', '\n \n', '# one\n\n# two\n');
const separator = fc.constantFrom(
  '---\n',
  '--- \n',
  '---\t\n',
  '--- # a comment\n',
  '---',
  '\n---\n---\n',
  '---\n# a comment\n---\n',
  '---\n\n\n',
);
const stream = fc
  .record({
    documents: fc.array(fc.tuple(noise, body, separator), { minLength: 1, maxLength: 5 }),
    mark: fc.constantFrom('', '\uFEFF', '---\n', '\n\n---\n', '---'),
    lineEnd: fc.constantFrom('\n', '\n', '\r\n'),
    end: fc.constantFrom('', '\n', '\n---\n', '\n---'),
  })
  .map(({ documents, mark, lineEnd, end }) => {
    const texts = documents.map(([before, document, after], index) => {
      const named = `${document.replace('\ndata:', `\napiVersion: v1\nmetadata: {name: "n${index}"}\ndata:`)}\n`;
      // A comment in front would be glued to the separator, and what follows with it.
      return index === documents.length - 1 ? `${before}${named}` : `${before}${named}${after}`;
    });
    return `${mark}${texts.join('')}${end}`.replaceAll('\n', lineEnd);
  });

/** Without the blanks at the end of a text: helm takes those before a separator for a part of it. */
const summary = (text: string): string[] =>
  readManifests(text)
    .map(({ kind, name, value }) => JSON.stringify([kind, name, JSON.stringify(value.data).replace(/(?:\\[nr]|\s)*"\}$/, '')]))
    .sort();

for (const helm of await helmsUnderTest()) {
  test(`helm ${helm.version}: random streams hold the documents that helm finds in them`, async (t) => {
    const property = fc.asyncProperty(fc.array(stream, { minLength: 30, maxLength: 30 }), async (streams) => {
      const files = streams.flatMap((text, index) => [
        [`streams/${index}.txt`, text],
        [`templates/${index}.yaml`, `{{ .Files.Get "streams/${index}.txt" }}`],
      ]);
      const release = await releaseOf(t, await chartFolder(t, Object.fromEntries(files)));
      const printed = await renderManifests(helm, release, { kubernetes: '1.36', signal: t.signal });
      assert.deepEqual(summary(printed), streams.flatMap(summary).sort());
    });
    await fc.assert(property, { numRuns: 3, endOnFailure: true });
  });
}
