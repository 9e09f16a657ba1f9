import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generatedFiles, staleFiles } from '../../bundle-spec/json-schemas.ts';

test('the JSON Schemas and their reference are as the schemas say (npm run schemas)', () => {
  assert.deepEqual(staleFiles(), []);
});

test('every document has its JSON Schema, and the reference names every field', () => {
  const files = generatedFiles();
  assert.deepEqual(
    [...files.keys()],
    [
      'bundle',
      'site',
      'lock',
      'bundle-json',
      'parts-json',
      'site-report',
      'images-report',
      'image-reasons',
      'lint-report',
      'rewrite-report',
    ]
      .map((name) => `bundle-spec/schemas/${name}.schema.json`)
      .concat('docs/spec.md'),
  );
  const reference = files.get('docs/spec.md') ?? '';
  for (const field of [
    'releases[].chart.path',
    'releases[].scan.<name>[].inline',
    'registry.host',
    'blobs',
    'parts[].sha256',
    'charts[].images[].rewritable',
    'images[].shown[].helper',
    'charts[].findings[].fix',
    'releases[].leftovers[].fix',
  ]) {
    assert.ok(reference.includes(`| \`${field}\` |`), field);
  }
});
