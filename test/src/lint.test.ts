import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LintReport } from '../../bundle-spec/lint-report.ts';
import { assertDone, type CliRun, runCli } from './cli.ts';
import { chartFiles, folderWith, podYaml, specYaml } from './workshop.ts';

const clean = chartFiles(['quay.io/shop/api:1.0.0']);
/** A mutable tag is a warning. */
const warned = chartFiles(['quay.io/shop/api:latest']);
/** Kubernetes 1.25 removed PodSecurityPolicy, so that an install fails: an error. */
const failing = {
  ...warned,
  'chart/templates/policy.yaml': 'apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: { name: shop }\nspec: {}\n',
};

const cases: readonly {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  readonly code: number;
  readonly severities: readonly string[];
}[] = [
  { name: 'nothing to say passes', files: clean, flags: ['--strict'], code: 0, severities: [] },
  { name: 'a warning passes', files: warned, code: 0, severities: ['warning'] },
  { name: 'with --strict a warning fails', files: warned, flags: ['--strict'], code: 1, severities: ['warning'] },
  { name: 'an error fails, and stands before the warning', files: failing, code: 1, severities: ['error', 'warning'] },
];
for (const { name, files, flags = [], code, severities } of cases) {
  test(`lint: ${name}`, async (t) => {
    const folder = await folderWith(t, { ...files, 'bundle.yaml': specYaml('quay.io') });
    for (const source of ['chart', 'bundle.yaml']) {
      const run = await runCli(['lint', source, ...flags], { folder });
      assert.equal(run.code, code, `${source}: ${run.stdout}${run.stderr}`);
      const found = severitiesOf(run).filter((severity) => severity !== 'info');
      assert.deepEqual(found, severities, `${source}: ${run.stdout}`);
    }
  });
}

test('a finding says what, where and what to do', async (t) => {
  const folder = await folderWith(t, warned);
  const said = assertDone(await runCli(['lint', 'chart'], { folder }));
  assert.match(said, /^warning: .*quay\.io\/shop\/api.* \[[A-Z_]+\]\n {2}at .*\n {2}fix: .*$/m);
  const { charts } = LintReport.parse(JSON.parse(assertDone(await runCli(['lint', 'chart', '--format', 'json'], { folder }))));
  assert.deepEqual([charts[0]?.name, charts[0]?.findings[0]?.severity], ['shop', 'warning']);
});

test('a chart that does not render is an error of that chart, and the other is linted', async (t) => {
  const folder = await folderWith(t, {
    ...warned,
    'broken/Chart.yaml': 'apiVersion: v2\nname: broken\nversion: 2.0.0\n',
    'broken/templates/pod.yaml': podYaml('broken', '{{ .Values.a.b.c }}'),
  });
  const run = await runCli(['lint', 'broken', 'chart'], { folder });
  assert.equal(run.code, 1, run.stderr);
  assert.match(run.stdout, /^error: broken: release broken does not render .*\[RENDER_FAILED\]\n {2}fix: /);
  assert.match(run.stdout, /^warning: shop: /m);
});

function severitiesOf({ stdout }: CliRun): readonly string[] {
  return [...stdout.matchAll(/^(error|warning|info): /gm)].map(([, severity = '']) => severity);
}
