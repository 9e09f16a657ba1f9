import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { ImageReasons } from '../../bundle-spec/image-reasons.ts';
import { ImagesReport, type ReportedChart } from '../../bundle-spec/images-report.ts';
import { assertDone, assertFailed, runCli } from './cli.ts';
import { chartFiles, folderWith, podYaml, specYaml } from './workshop.ts';

const charts = join(import.meta.dirname, '../charts');
const switched = {
  ...chartFiles(['quay.io/shop/api:1.0']),
  'chart/values.yaml': 'images: [quay.io/shop/api:1.0]\nmetrics: { enabled: false, image: quay.io/shop/exporter:0.9 }\n',
  'chart/templates/metrics.yaml': `{{- if .Values.metrics.enabled }}\n${podYaml('metrics', '{{ .Values.metrics.image }}')}{{- end }}\n`,
};

/** The charts of a report that the schema takes. */
function chartsOf(stdout: string): readonly ReportedChart[] {
  return ImagesReport.parse(JSON.parse(stdout)).charts;
}

function referencesOf(chart: ReportedChart | undefined): readonly string[] {
  return (chart?.images ?? []).map((image) => `${image.class} ${image.reference}`);
}

const flagCases: readonly { readonly name: string; readonly args: readonly string[]; readonly finds: readonly string[] }[] = [
  { name: 'its own values', args: [], finds: ['used quay.io/shop/api:1.0', 'gated quay.io/shop/exporter:0.9'] },
  { name: '--no-gates', args: ['--no-gates'], finds: ['used quay.io/shop/api:1.0'] },
  {
    name: 'two --values, of which the later wins',
    args: ['--values', 'a.yaml', '--values', 'b.yaml', '--no-gates'],
    finds: ['used docker.io/shop/b:2'],
  },
  {
    name: '--set, over --values',
    args: ['--set', 'images=["quay.io/shop/set:3"],metrics.enabled=true', '--values', 'a.yaml', '--no-gates'],
    finds: ['used quay.io/shop/exporter:0.9', 'used quay.io/shop/set:3'],
  },
  {
    name: 'a --profile of two files',
    args: ['--profile', 'all=on.yaml', '--profile', 'all=other.yaml', '--no-gates'],
    finds: ['used quay.io/shop/api:1.0', 'gated quay.io/shop/other:4'],
  },
];
for (const { name, args, finds } of flagCases) {
  test(`a chart without a spec, with ${name}`, async (t) => {
    const folder = await folderWith(t, {
      ...switched,
      'a.yaml': 'images: [shop/a:1]\n',
      'b.yaml': 'images: [shop/b:2]\n',
      'on.yaml': 'metrics: { enabled: true }\n',
      'other.yaml': 'metrics: { image: "quay.io/shop/other:4" }\n',
    });
    const [chart] = chartsOf(assertDone(await runCli(['images', 'chart', '--format', 'json', ...args], { folder })));
    assert.deepEqual([...referencesOf(chart)].sort(), [...finds].sort());
  });
}

test('the report says of each image where it is, what controls it, what switches it on, and how it is rewritten', async (t) => {
  const folder = await folderWith(t, { ...switched, 'on.yaml': 'metrics: { enabled: true }\n' });
  const args = ['images', 'chart', '--profile', 'all=on.yaml', '--name', 'web', '--namespace', 'apps', '--extra', 'redis:7'];
  const report = ImagesReport.parse(JSON.parse(assertDone(await runCli([...args, '--format', 'json'], { folder }))));
  assert.deepEqual(report.extra, ['docker.io/library/redis:7']);
  const [chart] = report.charts;
  assert.deepEqual([chart?.name, chart?.version, chart?.release], ['shop', '1.0.0', 'web']);
  const gated = chart?.images.find((image) => image.class === 'gated');
  assert.deepEqual(gated?.gates.toSorted(), ['metrics.enabled=true', 'profile all']);
  assert.deepEqual(
    chart?.images.map(({ reference, valuesPaths, foundAt, rewritable }) => ({ reference, valuesPaths, foundAt, rewritable })),
    [
      {
        reference: 'quay.io/shop/api:1.0',
        valuesPaths: ['images[0]'],
        foundAt: [{ kind: 'Pod', name: 'web', path: 'spec.containers[0].image' }],
        rewritable: 'values',
      },
      {
        reference: 'quay.io/shop/exporter:0.9',
        valuesPaths: ['metrics.image'],
        foundAt: [{ kind: 'Pod', name: 'metrics', path: 'spec.containers[0].image' }],
        rewritable: 'values',
      },
    ],
  );
});

test('as text a chart shows its images by class, with values, gates and places', async (t) => {
  const folder = await folderWith(t, switched);
  const run = await runCli(['images', 'chart'], { folder });
  assert.equal(
    assertDone(run),
    `shop 1.0.0, release shop in namespace shop
  used: it renders as deployed, and values control it
    quay.io/shop/api:1.0  (values: images[0])
      Pod/shop spec.containers[0].image
  gated: it renders when this is set
    quay.io/shop/exporter:0.9  (values: metrics.image)
      set metrics.enabled=true
      Pod/metrics spec.containers[0].image
`,
  );
  assert.match(run.stderr, /^2 images \(1 used, 1 gated\) in 1 release, \d+ renders in [\d.]+ s; every rewrite proven\n$/);
});

test('one broken chart among several is an entry with its error, and the others are all there', async (t) => {
  const folder = await folderWith(t, {
    ...chartFiles(['quay.io/shop/api:1.0']),
    'broken/Chart.yaml': 'apiVersion: v2\nname: broken\nversion: 2.0.0\n',
    'broken/templates/pod.yaml': 'a: {{ required "give a license" .Values.license }}\n',
  });
  const run = await runCli(['images', 'broken', 'chart', 'missing', '--format', 'json'], { folder });
  assert.equal(run.code, 1, run.stderr);
  const [broken, chart, missing] = chartsOf(run.stdout);
  assert.deepEqual([broken?.name, broken?.version, broken?.images], ['broken', '2.0.0', []]);
  assert.deepEqual(
    broken?.findings.map(({ severity, code }) => [severity, code]),
    [['error', 'RENDER_FAILED']],
  );
  assert.match(broken?.findings[0]?.message ?? '', /broken\/templates\/pod\.yaml:1:6: give a license/);
  assert.match(broken?.findings[0]?.fix ?? '', /--values or --set/);
  assert.deepEqual(referencesOf(chart), ['used quay.io/shop/api:1.0']);
  assert.equal(missing?.findings[0]?.code, 'CHART_NOT_FOUND');
  assert.match(run.stderr, /2 charts failed:\n {2}broken: release broken .*\[RENDER_FAILED\]\n {4}hint: /);
});

test('with --placeholder a chart that demands values shows what it has; what was made up is named, and no image', async (t) => {
  const files = {
    ...chartFiles(['quay.io/shop/api:1.0']),
    'chart/templates/licensed.yaml': podYaml(
      '{{ required "give a name" .Values.license.name }}',
      '{{ required "give an image" .Values.agent.image }}',
    ),
  };
  const folder = await folderWith(t, files);
  assertFailed(await runCli(['images', 'chart'], { folder }), {
    error: 'RENDER_FAILED',
    says: ['.Values.license.name', '--values or --set'],
  });
  const [chart] = chartsOf(assertDone(await runCli(['images', 'chart', '--placeholder', '--format', 'json'], { folder })));
  assert.deepEqual(referencesOf(chart), ['used quay.io/shop/api:1.0']);
  const missing = chart?.findings.filter(({ code }) => code === 'VALUE_MISSING').map(({ where }) => where);
  assert.deepEqual(missing?.toSorted(), ['agent.image', 'license.name']);
});

test('what placeholders filled is told also when the chart fails all the same', async (t) => {
  const folder = await folderWith(t, {
    ...chartFiles(['quay.io/shop/api:1.0']),
    'chart/templates/licensed.yaml': '{{ required "give a key" .Values.license }}{{ fail "never" }}\n',
  });
  const run = await runCli(['images', 'chart', '--placeholder', '--format', 'json'], { folder });
  assert.equal(run.code, 1, run.stderr);
  const codes = chartsOf(run.stdout)[0]?.findings.map(({ severity, code, where }) => [severity, code, where]);
  assert.deepEqual(codes, [
    ['error', 'RENDER_FAILED', undefined],
    ['warning', 'VALUE_MISSING', 'license'],
  ]);
  const asText = await runCli(['images', 'chart', '--placeholder'], { folder });
  assert.match(
    asText.stdout,
    /^chart could not be surveyed\n {2}1 finding\n {4}warning: license is missing .*\[VALUE_MISSING\]$/m,
  );
});

test('what no rewrite reaches is listed as an error with the line to add and explained, and the list itself does not fail', async (t) => {
  const folder = await folderWith(t, {
    ...chartFiles(['quay.io/shop/api:1.0']),
    'chart/templates/scanner.yaml': podYaml('scanner', 'quay.io/shop/api:1.0').replace(
      ' }] }',
      ', env: [{ name: SCANNER_REPOSITORY, value: quay.io/shop/scanner }] }] }',
    ),
  });
  const [chart] = chartsOf(assertDone(await runCli(['images', 'chart', '--format', 'json'], { folder })));
  const left = chart?.findings.filter(({ code }) => code === 'REWRITE_UNPROVEN');
  assert.deepEqual(
    left?.map(({ severity, fix }) => [severity, /--extra quay\.io\/shop\/scanner:TAG/.test(fix ?? '')]),
    [['error', true]],
  );
  const why = assertDone(await runCli(['images', 'chart', '--why', 'shop/scanner'], { folder }));
  assert.match(why, /Pod\/scanner spec\.containers\[0\]\.env\[0\]\.value/);
});

test('dependencies that are missing are not downloaded: the hint is the helm command', async (t) => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const repository = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const files = chartFiles(['127.0.0.1:1/shop/api:1.0']);
  const dependency = `dependencies: [{ name: redis, version: 1.x, repository: "${repository}" }]\n`;
  const folder = await folderWith(t, { ...files, 'chart/Chart.yaml': `${files['chart/Chart.yaml']}${dependency}` });
  assertFailed(await runCli(['images', './chart'], { folder }), {
    error: 'CHART_DEPENDENCIES_MISSING',
    says: ['charts/ lacks redis 1.x', 'run "helm dependency build ./chart"'],
  });
  assert.deepEqual(asked, []);
});

const whyCases: readonly { readonly name: string; readonly args: readonly string[]; readonly says: readonly string[] }[] = [
  {
    name: 'an image of a subchart',
    args: ['subcharts', '--why', 'redis:7.4'],
    says: [
      'docker.io/library/redis:7.4: used in subcharts 1.0.0, release subcharts',
      'values: cache.image.repository',
      'as deployed, Kubernetes 1.36: 1 place',
      'Pod/cache spec.containers[0].image',
      'printed by subcharts/charts/cache/templates/pod.yaml:',
    ],
  },
  {
    name: 'an image that stands in two templates',
    args: ['hard-coded', '--why', 'shop/worker', '--kube-version', '1.34', '--kube-version', '1.36'],
    says: [
      'docker.io/shop/worker:1.0: hard-coded in hard-coded 1.0.0',
      'as deployed, Kubernetes 1.34, 1.36: 2 places',
      'Pod/worker spec.containers[0].image\n      printed by hard-coded/templates/worker.yaml:8\n',
      'Job/shop-system/setup spec.template.spec.containers[0].env[0].value\n      printed by hard-coded/templates/job.yaml:4\n',
    ],
  },
];
for (const { name, args, says } of whyCases) {
  test(`--why tells of ${name} each render, object, value and template line`, async (t) => {
    const folder = await folderWith(t, {});
    const [chart = '', ...flags] = args;
    const said = assertDone(await runCli(['images', join(charts, chart), ...flags], { folder }));
    for (const words of says) assert.ok(said.includes(words), `does not say ${words}:\n${said}`);
  });
}

test('--why renders with the gate that shows the image, and knows when nothing does', async (t) => {
  const folder = await folderWith(t, switched);
  const said = assertDone(await runCli(['images', 'chart', '--why', 'shop/exporter', '--format', 'json'], { folder }));
  const { images } = ImageReasons.parse(JSON.parse(said));
  assert.deepEqual(images[0]?.shown, [
    {
      render: 'set metrics.enabled=true',
      kubernetes: ['1.36'],
      kind: 'Pod',
      name: 'metrics',
      path: 'spec.containers[0].image',
      template: 'shop/templates/metrics.yaml',
      line: 5,
    },
  ]);
  assertFailed(await runCli(['images', 'chart', '--why', 'quay.io/shop/exporter:1.0'], { folder }), {
    error: 'IMAGE_NOT_FOUND',
    says: ['no render shows quay.io/shop/exporter:1.0', 'there is quay.io/shop/exporter:0.9'],
  });
});

test('--why tells the line of each variable that holds the image, and sets a profile over the values', async (t) => {
  const env = ['A_IMAGE', 'B_IMAGE'].map((name) => `        - name: ${name}\n          value: quay.io/shop/side:1\n`).join('');
  const container = `    - name: c\n      image: "{{ .Values.image }}"\n      env:\n${env}`;
  const pod = `apiVersion: v1\nkind: Pod\nmetadata: { name: web }\nspec:\n  containers:\n${container}`;
  const folder = await folderWith(t, {
    'chart/Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\n',
    'chart/values.yaml': 'active: false\nimage: quay.io/shop/api:1.0\n',
    'chart/templates/web.yaml': `{{ if .Values.active }}\n${pod}{{ end }}\n`,
    'off.yaml': 'active: false\n',
    'all.yaml': 'active: true\n',
  });
  const args = ['chart', '--no-gates', '--values', 'off.yaml', '--profile', 'all=all.yaml', '--why', 'shop/side'];
  const said = assertDone(await runCli(['images', ...args, '--format', 'json'], { folder }));
  const { images } = ImageReasons.parse(JSON.parse(said));
  assert.deepEqual(
    images[0]?.shown.map(({ render, path, line }) => [render, path, line]),
    [
      ['profile all', 'spec.containers[0].env[0].value', 11],
      ['profile all', 'spec.containers[0].env[1].value', 13],
    ],
  );
});

const badFlags: readonly { readonly name: string; readonly args: readonly string[]; readonly says: readonly string[] }[] = [
  {
    name: 'flags of charts beside a spec',
    args: ['images', 'bundle.yaml', '--values', 'v.yaml', '--kube-version', '1.34'],
    says: ['--values, --kube-version are for charts, and bundle.yaml is none', 'releases[].values, target.kubernetes'],
  },
  {
    name: 'a spec and a chart',
    args: ['lint', 'chart', 'bundle.yaml'],
    says: ['bundle.yaml is a spec, and a spec is given alone'],
  },
  { name: 'one name for two charts', args: ['images', 'chart', 'chart', '--name', 'web'], says: ['--name names one release'] },
  { name: 'a bundle', args: ['images', 'shop.tar'], says: ['shop.tar is a bundle', 'diolkos inspect shop.tar'] },
  { name: 'a profile without a file', args: ['images', 'chart', '--profile', 'all'], says: ['--profile all=all.yaml'] },
  { name: 'a --set without a value', args: ['images', 'chart', '--set', 'image'], says: ['--set image sets nothing'] },
  { name: 'a version of no Kubernetes', args: ['images', 'chart', '--kube-version', 'new'], says: ['1.34 or 1.34.2'] },
  { name: 'a name with upper-case letters', args: ['images', 'chart', '--name', 'Web'], says: ['--name Web is no such name'] },
  { name: 'a rewrite for no registry', args: ['rewrite', 'chart'], says: ['neither --site nor --registry'] },
  {
    name: 'a path in --registry',
    args: ['rewrite', 'chart', '--registry', 'registry.internal/mirror'],
    says: ['--registry: expected host or host:port', '--prefix mirror/shop'],
  },
  {
    name: 'a registry beside a site',
    args: ['rewrite', 'chart', '--site', 'site.yaml', '--registry', 'registry.internal'],
    says: ['--registry beside --site', 'registry.host'],
  },
];
for (const { name, args, says } of badFlags) {
  test(`${name}: bad usage, and what would be right`, async (t) => {
    const folder = await folderWith(t, { ...chartFiles([]), 'bundle.yaml': specYaml('registry.example.com') });
    assertFailed(await runCli(args, { folder }), { error: 'USAGE_INVALID', exit: 64, says });
  });
}

test('a values file that is missing is named with its flag', async (t) => {
  const folder = await folderWith(t, chartFiles([]));
  assertFailed(await runCli(['images', 'chart', '--values', 'v.yaml'], { folder }), {
    error: 'FILE_UNREADABLE',
    says: ['--values v.yaml cannot be read: there is no such file', 'from the current directory'],
  });
});
