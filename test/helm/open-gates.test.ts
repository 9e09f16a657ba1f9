import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { discoverRelease } from '../../helm/discover.ts';
import { openGates } from '../../helm/open-gates.ts';
import { gateCases } from './gate-cases.ts';
import { helmsUnderTest } from './helms.ts';
import { releaseOf } from './packed-chart.ts';

const charts = join(import.meta.dirname, '../charts');
const deployed = { kubernetes: ['1.36'], paths: [], ignore: [] };

for (const helm of await helmsUnderTest()) {
  for (const { chart, shape, declared = {}, findings = [], ...expected } of gateCases) {
    test(`helm ${helm.version}, ${chart}: ${shape}`, async (t) => {
      const options = { ...deployed, signal: t.signal };
      const release = await releaseOf(t, join(charts, chart));
      const opened = await openGates(helm, release, await discoverRelease(helm, release, options), options);
      const gated = opened.gated.map(({ reference, gates, valuesPaths }) => [reference, { gates, paths: valuesPaths }]);
      assert.deepEqual(Object.fromEntries(gated), expected.gated);
      const unused = opened.declared.map(({ reference, valuesPaths }) => [reference, valuesPaths]);
      assert.deepEqual(Object.fromEntries(unused), declared);
      const said = opened.findings.map(({ code, message }) => `${code} ${message}`);
      assert.equal(said.length, findings.length, said.join('\n'));
      for (const [index, [code, message]] of findings.entries()) {
        assert.equal(opened.findings[index]?.code, code);
        assert.match(opened.findings[index]?.message ?? '', message);
      }
    });
  }
}
