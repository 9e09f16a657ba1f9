import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');

/** Codes of the findings that the sources make, with the severities written beside them. */
function codesInSources(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const file of globSync(['helm/**/*.ts', 'src/**/*.ts'], { cwd: root })) {
    const source = readFileSync(join(root, file), 'utf8');
    for (const [, severity = '', code = ''] of source.matchAll(
      /severity:\s*([^,]*(?:\([^)]*\)[^,]*)?),\s*code:\s*'([A-Z_]+)'/g,
    )) {
      const severities = [...severity.matchAll(/'(error|warning|info)'/g)].map(([, word = '']) => word);
      found.set(code, new Set([...(found.get(code) ?? []), ...severities]));
    }
  }
  found.delete('BUG'); // a bug of diolkos is no finding about a chart
  return found;
}

function codesInDocs(): Map<string, Set<string>> {
  const page = readFileSync(join(root, 'docs/findings.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| ([a-z, ]+) \| .+ \| .+ \|$/gm)];
  return new Map(rows.map(([, code = '', severities = '']) => [code, new Set(severities.split(', '))]));
}

test('docs/findings.md has every code that is found, with its severities, and no other', () => {
  const sources = codesInSources();
  const docs = codesInDocs();
  assert.ok(sources.size >= 12);
  assert.deepEqual([...docs.keys()], [...docs.keys()].sort());
  assert.deepEqual([...docs.keys()], [...sources.keys()].sort());
  for (const [code, severities] of sources) assert.deepEqual([...(docs.get(code) ?? [])].sort(), [...severities].sort(), code);
});
