import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { packChart } from '../../helm/charts/package-chart.ts';
import { openHelm } from '../../helm/helm.ts';
import { digestOf } from '../../images/digest.ts';
import { gatedPolicy } from '../../src/gated-policy.ts';
import { type ReleaseSurvey, type SurveyInput, surveyRelease } from '../../src/survey-release.ts';
import { anyHelm } from '../helm/helms.ts';
import { chartFolder } from '../helm/packed-chart.ts';
import { podYaml } from './workshop.ts';

/** A pod as deployed, and one behind each of three switches. */
const files = {
  'values.yaml': `image: redis:7.0.5
metrics: { enabled: false, image: "quay.io/shop/exporter:1.2.3" }
backup: { enabled: false, image: "quay.io/shop/backup:2.0.1" }
mesh: { enabled: false, image: "ghcr.io/mesh/proxy:3.1.4" }
`,
  'templates/main.yaml': podYaml('main', '{{ .Values.image }}'),
  ...Object.fromEntries(
    ['metrics', 'backup', 'mesh'].map((name) => [
      `templates/${name}.yaml`,
      `{{ if .Values.${name}.enabled }}${podYaml(name, `{{ .Values.${name}.image }}`)}{{ end }}`,
    ]),
  ),
};

async function survey(t: TestContext, input: Partial<SurveyInput>, gates = true): Promise<ReleaseSurvey> {
  const complete: SurveyInput = {
    name: 'shop',
    namespace: 'web',
    ...(await chartOf(t, files)),
    values: [],
    profiles: new Map(),
    kubernetes: ['1.36'],
    paths: [],
    ignore: [],
    extra: [],
    ...input,
  };
  const helm = await openHelm(await anyHelm(), { signal: t.signal });
  return surveyRelease(helm, complete, { gates, cache: 'off', signal: t.signal });
}

/** `exporter gated ships values: metrics.enabled=true` */
function told({ images }: ReleaseSurvey): string[] {
  return images.map(({ reference, class: found, ships, rewritable, gates }) => {
    const name = /[^/]*(?=:)/.exec(reference)?.[0] ?? reference;
    return `${name} ${found} ${ships ? 'ships' : 'stays'} ${rewritable}${gates.length === 0 ? '' : `: ${gates.join(' | ')}`}`;
  });
}

const on = (name: string) => [{ name: 'profile', text: `${name}: { enabled: true }` }];
const deployed = 'redis used ships values';

const surveys: readonly {
  readonly name: string;
  readonly input: Partial<SurveyInput>;
  readonly images: readonly string[];
}[] = [
  {
    name: 'what stands behind switches is named and stays',
    input: {},
    images: [
      deployed,
      'proxy gated stays values: mesh.enabled=true',
      'backup gated stays values: backup.enabled=true',
      'exporter gated stays values: metrics.enabled=true',
    ],
  },
  {
    name: 'what a scan profile shows travels, whatever images.gated says',
    input: { profiles: new Map([['all', on('mesh')]]), gated: ['quay.io/shop/backup'] },
    images: [
      deployed,
      'proxy gated ships values: profile all | mesh.enabled=true',
      'backup gated ships values: backup.enabled=true',
      'exporter gated stays values: metrics.enabled=true',
    ],
  },
  {
    name: 'images.gated takes all',
    input: { gated: 'include' },
    images: [
      deployed,
      'proxy gated ships values: mesh.enabled=true',
      'backup gated ships values: backup.enabled=true',
      'exporter gated ships values: metrics.enabled=true',
    ],
  },
  {
    name: 'what is switched on as deployed is used',
    input: { values: on('mesh'), gated: ['ghcr.io/*'] },
    images: [
      'proxy used ships values',
      ...[deployed, 'backup gated stays values: backup.enabled=true', 'exporter gated stays values: metrics.enabled=true'],
    ],
  },
];
for (const { name, input, images } of surveys) {
  test(`a survey: ${name}`, async (t) => {
    const found = await survey(t, input);
    assert.deepEqual(told(found).sort(), [...images].sort());
    assert.deepEqual(found.leftovers, []);
  });
}

test('a survey without gates tells of what renders', async (t) => {
  assert.deepEqual(told(await survey(t, {}, false)), [deployed]);
});

test('what images.gated takes brings the kinds of its objects, and the rest does not', async (t) => {
  const secret = '{{ if .Values.mesh.enabled }}\n---\napiVersion: v1\nkind: Secret\nmetadata: { name: mesh }\n{{ end }}';
  const bytes = await packChart(await chartFolder(t, { ...files, 'templates/secret.yaml': secret }), { signal: t.signal });
  const chart = { name: 'shop', version: '1.0.0', bytes, digest: digestOf(bytes) };
  const kinds = async (gated: string[]) => (await survey(t, { chart, gated })).kinds.map(({ kind }) => kind);
  assert.deepEqual(await kinds(['quay.io/*']), ['Pod']);
  assert.deepEqual(await kinds(['ghcr.io/*']), ['Pod', 'Secret']);
});

const exporter = 'quay.io/shop/exporter:1.2.3';
const patterns: readonly [pattern: string, reference: string, takes: boolean][] = [
  ['quay.io/shop/*', exporter, true],
  ['quay.io/*', exporter, true],
  ['*/exporter', exporter, true],
  ['*', exporter, true],
  ['quay.io/shop/exporter', exporter, true],
  ['quay.io/shop/exporter:1.2.3', exporter, true],
  ['quay.io/shop/exporter:1.*', exporter, true],
  ['quay.io/shop/exporter', `quay.io/shop/exporter@sha256:${'a'.repeat(64)}`, true],
  ['quay.io/shop/exporter:1.2', exporter, false],
  ['quay.io/shop/export', exporter, false],
  ['quay.io/shop', exporter, false],
  ['quayXio/shop/*', exporter, false],
  ['shop/*', exporter, false],
  ['redis', 'docker.io/library/redis:7', true],
  ['bitnami/*', 'docker.io/bitnami/redis:7', true],
  ['redis', 'docker.io/bitnami/redis:7', false],
  ['localhost:5000/*', 'localhost:5000/redis:7', true],
];
for (const [pattern, reference, takes] of patterns) {
  test(`images.gated: ${pattern} ${takes ? 'takes' : 'leaves'} ${reference}`, () => {
    assert.equal(gatedPolicy([pattern])(reference), takes);
  });
}

test('a repository that a program pulls from by a tag of its own is named without one, until images.extra tells it', async (t) => {
  const scanner = podYaml('scanner', 'scanner:1.0.0').replace(/image:/, 'args: ["--db-repository=ghcr.io/scan/db"], image:');
  const input = await chartOf(t, { 'templates/scanner.yaml': scanner });
  assert.deepEqual(told(await survey(t, input)), ['scanner hard-coded ships post-render', 'ghcr.io/scan/db runtime stays no']);
  assert.deepEqual(told(await survey(t, { ...input, extra: ['ghcr.io/scan/db:2'] })), ['scanner hard-coded ships post-render']);
});

async function chartOf(t: TestContext, chart: Readonly<Record<string, string>>): Promise<Pick<SurveyInput, 'chart'>> {
  const bytes = await packChart(await chartFolder(t, chart), { signal: t.signal });
  return { chart: { name: 'shop', version: '1.0.0', bytes, digest: digestOf(bytes) } };
}
