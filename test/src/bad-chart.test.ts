import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertDone, assertFailed, assertLeft, type CliRun, runCli } from './cli.ts';
import { chartFiles, folderWith, seed, specYaml, workshop, writeFiles } from './workshop.ts';

const chart = chartFiles([]);
const host = 'registry.example.com';
const pod = (image: string): string => `apiVersion: v1
kind: Pod
metadata: { name: shop }
spec: { containers: [{ name: shop, image: "${image}" }] }
`;

const badCharts: readonly {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly error: string;
  readonly says: readonly (string | RegExp)[];
}[] = [
  {
    name: 'that does not exist',
    files: {},
    error: 'CHART_NOT_FOUND',
    says: ['there is no chart at chart', 'relative to the spec; looked for /'],
  },
  {
    name: 'without a Chart.yaml',
    files: { 'chart/values.yaml': 'a: 1\n' },
    error: 'CHART_INVALID',
    says: ['chart is no chart: it has no Chart.yaml', 'hint:  give a chart directory'],
  },
  {
    name: 'whose Chart.yaml is no YAML',
    files: { ...chart, 'chart/Chart.yaml': 'apiVersion: v2\nname: [shop\n' },
    error: 'CHART_INVALID',
    says: [/chart: Chart\.yaml is no YAML: .*\(3:2\) \[CHART_INVALID\]/],
  },
  {
    name: 'without a version',
    files: { ...chart, 'chart/Chart.yaml': 'apiVersion: v2\nname: shop\n' },
    error: 'CHART_INVALID',
    says: ['chart is no chart: Chart.yaml has no "version"'],
  },
  {
    name: 'that is a text file',
    files: { chart: 'no archive' },
    error: 'CHART_INVALID',
    says: ['chart is no'],
  },
  {
    name: 'whose dependencies are missing',
    files: {
      ...chart,
      'chart/Chart.yaml': `${chart['chart/Chart.yaml']}dependencies:
  - { name: postgresql, version: ~15.2.0, repository: "https://charts.example.com" }
  - { name: redis, version: 1.x, repository: "https://charts.example.com" }
  - { name: common, version: 2.x }
`,
      'chart/charts/common/Chart.yaml': 'apiVersion: v2\nname: common\nversion: 1.9.0\n',
    },
    error: 'CHART_DEPENDENCIES_MISSING',
    says: ['chart: charts/ lacks postgresql ~15.2.0; redis 1.x', 'helm dependency build'],
  },
  {
    name: 'with a broken template',
    files: { ...chart, 'chart/templates/pod.yaml': 'a: {{ .Values.a.b.c }}\n' },
    error: 'RENDER_FAILED',
    says: ['release shop does not render for Kubernetes 1.36: ', 'shop/templates/pod.yaml:1:', 'nil pointer'],
  },
  {
    name: 'that demands a value',
    files: { ...chart, 'chart/templates/pod.yaml': 'a: {{ required "give a license" .Values.license }}\n' },
    error: 'RENDER_FAILED',
    says: ['shop/templates/pod.yaml:1:6: give a license', 'release’s "values"'],
  },
  {
    name: 'that renders no YAML',
    files: { ...chart, 'chart/templates/pod.yaml': 'kind: Pod\n  name: x\n' },
    error: 'RENDER_FAILED',
    says: ['YAML parse error on shop/templates/pod.yaml', 'line 2'],
  },
  {
    name: 'whose own values are no YAML',
    files: { ...chart, 'chart/values.yaml': 'images: [\n' },
    error: 'RENDER_FAILED',
    says: ['values.yaml'],
  },
  {
    name: 'that needs another Kubernetes',
    files: { ...chart, 'chart/Chart.yaml': `${chart['chart/Chart.yaml']}kubeVersion: "<1.30.0"\n` },
    error: 'RENDER_FAILED',
    says: ['1.36', 'target.kubernetes'],
  },
  {
    name: 'with an image of no valid name',
    files: { ...chart, 'chart/templates/pod.yaml': pod('registry.example.com/Shop:1') },
    error: 'REFERENCE_INVALID',
    says: ['Pod shop, spec.containers[0].image (shop/templates/pod.yaml): "registry.example.com/Shop:1" is no image reference'],
  },
];

for (const { name, files, error, says } of badCharts) {
  test(`a chart ${name}`, async (t) => {
    const folder = await folderWith(t, { ...files, 'bundle.yaml': specYaml(host) });
    const run = await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder });
    assertFailed(run, { error, says });
    await assertLeft(folder, ['bundle.yaml', ...(name === 'that does not exist' ? [] : ['chart'])]);
  });
}

test('values that no YAML reader takes', async (t) => {
  const spec = specYaml(host).replace('{ path: chart }', '{ path: chart }, values: [{ file: prod.yaml }]');
  const folder = await folderWith(t, { ...chart, 'bundle.yaml': spec, 'prod.yaml': 'a: [\n' });
  assertFailed(await images(folder), { error: 'RENDER_FAILED', says: ['prod.yaml'] });
});

test('a reference without a tag is an error with the line to add, and that line helps', async (t) => {
  const { folder, registry } = await workshop(t);
  for (const name of ['hook', 'agent']) await seed(registry, `shop/${name}`, '2.0');
  // What stands in a template is the post-renderer's; what names no tag is nobody's.
  const hook = pod(`${host}/shop/hook:2.0`).replace(
    'name: shop, image',
    'name: shop, args: ["--agent={{ .Values.agentImage }}"], image',
  );
  const sources = `sources:\n  images:\n    - { host: ${host}, mirror: "${registry.host}", plainHttp: true }`;
  const spec = (more = '') => specYaml(registry.host, more).replace('sources:\n  images:', sources);
  const values = `images: [${registry.host}/shop/api:1.0]\nagentImage: ${host}/shop/agent\n`;
  await writeFiles(folder, { 'chart/templates/hook.yaml': hook, 'chart/values.yaml': values, 'bundle.yaml': spec() });
  const build = () => runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder });
  const refused = await build();
  assertFailed(refused, {
    error: 'REWRITE_UNPROVEN',
    says: [
      `shop: Pod shop, spec.containers[0].args[0]: ${host}/shop/agent (shop/templates/hook.yaml)`,
      'it names no tag, so what has to travel is not known',
    ],
  });
  await assertLeft(folder, ['bundle.yaml', 'chart']);
  const [line = ''] = /images: \{extra: \[[^\]]*\]\}/.exec(refused.stderr) ?? [];
  await writeFiles(folder, { 'bundle.yaml': spec(line.replace(':TAG', ':2.0')) });
  assert.match(assertDone(await build()), /^shop\.tar: 1 chart, 3 images,/);
});

test('what cannot be rewritten is told of all releases in one error', async (t) => {
  const spec = specYaml(host).replace(/ {2}- \{ name: shop, .*\n/, (line) => line + line.replace('name: shop', 'name: other'));
  const folder = await folderWith(t, {
    ...chart,
    'chart/templates/pod.yaml': pod('{{ .Values.image }}').replace(
      'name: shop, image',
      'name: shop, args: ["{{ .Values.agentImage }}"], image',
    ),
    'chart/values.yaml': `image: ${host}/api:1.0\nagentImage: ${host}/shop/agent\n`,
    'bundle.yaml': spec,
  });
  const run = await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder });
  const line = `Pod shop, spec.containers[0].args[0]: ${host}/shop/agent`;
  assertFailed(run, { error: 'REWRITE_UNPROVEN', says: ['2 references are not proven', `shop: ${line}`, `other: ${line}`] });
});

test('without helm the hint says what to install', async (t) => {
  const folder = await folderWith(t, { ...chart, 'bundle.yaml': specYaml(host) });
  const run = await images(folder, { DIOLKOS_HELM: '/nonexistent/helm' });
  assertFailed(run, {
    error: 'HELM_MISSING',
    says: ['helm cannot be started: there is no /nonexistent/helm', 'install Helm 4.2 or newer', 'DIOLKOS_HELM'],
  });
});

function images(folder: string, env: Readonly<Record<string, string>> = {}): Promise<CliRun> {
  return runCli(['images', 'bundle.yaml'], { folder, env });
}
