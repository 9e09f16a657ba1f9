import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { discoverRelease } from '../../helm/discover.ts';
import { openGates } from '../../helm/gates/open-gates.ts';
import type { Helm } from '../../helm/helm.ts';
import type { HelmRelease } from '../../helm/render.ts';
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
      for (const { reference, gates } of opened.gated)
        assert.match(await printedWith(helm, release, gates[0] ?? '', t.signal), named(reference));
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

/** What helm itself prints with a gate as its flags. */
async function printedWith(helm: Helm, { name, chart }: HelmRelease, gate: string, signal: AbortSignal): Promise<string> {
  const words = gate.match(/(?:\\[\s\S]|\S)+/g) ?? [];
  const flags = words.flatMap((word) => (word.startsWith('--') ? [word] : ['--set', word]));
  const { stdout } = await helm.run(['template', name, chart, ...flags], { signal, graceMs: 200 });
  return stdout;
}

/** As a chart may write it, without the host and folder that Docker implies. */
function named(reference: string): RegExp {
  return new RegExp(reference.replace(/^docker\.io\/(?:library\/)?/, '').replace(/[.]/g, '\\.'));
}
