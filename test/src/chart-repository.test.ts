import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { complaint, type Reply, reply } from '../registries/reply.ts';
import { type ChartHost, indexYaml, packedChart, type Served, startChartHost } from './chart-host.ts';
import { assertDone, assertFailed, type CliRun, runCli } from './cli.ts';
import { folderWith, specYaml } from './workshop.ts';

const secret = 'open-sesame-1234';

test('a version range takes the newest chart that fits, at a relative URL, with its digest', async (t) => {
  const packed = await packedChart(t, '1.3.0');
  const index = indexYaml([
    ['2.0.0', 'shop-2.0.0.tgz'],
    ['1.2.10', 'shop-1.2.10.tgz'],
    ['1.4.0-rc.1', 'shop-1.4.0-rc.1.tgz'],
    ['1.3.0', 'shop-1.3.0.tgz', packed],
    ['1.2.9', 'shop-1.2.9.tgz'],
  ]);
  const charts = await startChartHost(t, { '/stable/index.yaml': index, '/stable/shop-1.3.0.tgz': packed });
  assertDone(await images(t, `${charts.url}/stable`, '^1.2.0'));
  assert.deepEqual(
    charts.requests.map(({ path }) => path),
    ['/stable/index.yaml', '/stable/shop-1.3.0.tgz'],
  );
});

const index = indexYaml([['1.0.0', 'shop-1.0.0.tgz']]);
const bad: readonly {
  readonly name: string;
  readonly paths: Readonly<Record<string, Served>>;
  readonly version?: string;
  readonly error: string;
  readonly says: readonly (string | RegExp)[];
}[] = [
  {
    name: 'a repository without an index',
    paths: {},
    error: 'CHART_NOT_FOUND',
    says: ['/index.yaml', 'chart.repo'],
  },
  {
    name: 'an index that is a web page',
    paths: { '/index.yaml': '<!doctype html>\n<title>Log in</title>' },
    error: 'CHART_NOT_FOUND',
    says: ['has an index.yaml that is no index of a chart repository', 'helm repo add'],
  },
  {
    name: 'a repository without the chart',
    paths: { '/index.yaml': index.replace('shop:', 'shop-api:') },
    error: 'CHART_NOT_FOUND',
    says: ['has no chart "shop"', 'there are shop-api'],
  },
  {
    name: 'a repository without the version',
    paths: { '/index.yaml': index },
    version: '>=3.0.0',
    error: 'CHART_NOT_FOUND',
    says: ['has no version >=3.0.0 of shop', 'there are 1.0.0'],
  },
  {
    name: 'a chart that its index promises and nobody has',
    paths: { '/index.yaml': index },
    error: 'CHART_NOT_FOUND',
    says: ['/shop-1.0.0.tgz'],
  },
  {
    name: 'a chart of other bytes than the index says',
    paths: { '/index.yaml': indexYaml([['1.0.0', 'shop.tgz', Buffer.from('those')]]), '/shop.tgz': 'these' },
    error: 'DIGEST_MISMATCH',
    says: ['shop 1.0.0 of http://127.0.0.1:', 'is not what its index.yaml says', 'the index says sha256:'],
  },
  {
    name: 'a chart that is a web page',
    paths: { '/index.yaml': index, '/shop-1.0.0.tgz': '<!doctype html>' },
    error: 'CHART_INVALID',
    says: ['shop 1.0.0 of http://127.0.0.1:', 'is no chart archive'],
  },
  {
    name: 'a repository that wants a user',
    paths: { '/index.yaml': () => reply(401) },
    error: 'REGISTRY_DENIED',
    says: ['/index.yaml answered 401', 'sources.charts'],
  },
  {
    name: 'a repository that refuses',
    paths: { '/index.yaml': () => reply(403) },
    error: 'REGISTRY_DENIED',
    says: ['/index.yaml answered 403', 'sources.charts'],
  },
  {
    name: 'a repository that fails for good',
    paths: { '/index.yaml': () => reply(503, { 'retry-after': '9999' }, 'maintenance') },
    error: 'REGISTRY_FAILED',
    says: ['/index.yaml answered 503', 'try again later'],
  },
  {
    name: 'a chart at a place that is no URL',
    paths: { '/index.yaml': indexYaml([['1.0.0', 'http://']]) },
    error: 'CHART_INVALID',
    says: ['http://'],
  },
  {
    name: 'a chart at a place that is not http',
    paths: { '/index.yaml': indexYaml([['1.0.0', 'ftp://charts.example.com/shop.tgz']]) },
    error: 'CHART_INVALID',
    says: ['ftp://charts.example.com/shop.tgz'],
  },
  {
    name: 'a chart that lies in an OCI registry',
    paths: { '/index.yaml': indexYaml([['1.0.0', 'oci://registry.example.com/charts/shop:1.0.0']]) },
    error: 'CHART_INVALID',
    says: ['chart: {oci: "oci://registry.example.com/charts/shop", version: 1.0.0}'],
  },
  {
    name: 'a repository that redirects in a circle',
    paths: { '/index.yaml': () => reply(302, { location: '/index.yaml' }) },
    error: 'REGISTRY_FAILED',
    says: ['redirects more than 5 times'],
  },
  {
    name: 'a repository that redirects to nowhere',
    paths: { '/index.yaml': () => reply(302, { location: 'http://' }) },
    error: 'REGISTRY_FAILED',
    says: ['Location'],
  },
];
for (const { name, paths, version = '1.0.0', error, says } of bad) {
  test(name, async (t) => {
    const charts = await startChartHost(t, paths);
    assertFailed(await images(t, charts.url, version), { error, says });
  });
}

test('a repository that nobody serves', async (t) => {
  const run = await images(t, 'http://127.0.0.1:1', '1.0.0');
  assertFailed(run, { error: 'REGISTRY_UNREACHABLE', says: ['127.0.0.1:1', 'nothing listens there'] });
});

test('a repository that is busy, and one whose connection breaks, are asked again', async (t) => {
  const packed = await packedChart(t, '1.0.0');
  const charts = await startChartHost(t, {
    '/index.yaml': once(() => reply(429, { 'retry-after': '0' }), index),
    '/shop-1.0.0.tgz': once(() => 'cut', packed),
  });
  assertDone(await images(t, charts.url, '1.0.0'));
});

for (const { name, toChart } of [
  { name: 'a redirect', toChart: (url: string) => ({ listed: 'shop-1.0.0.tgz', location: url }) },
  { name: 'the index', toChart: (url: string) => ({ listed: url, location: '' }) },
]) {
  test(`user and password go to the repository, and not where ${name} leads`, async (t) => {
    const packed = await packedChart(t, '1.0.0');
    const elsewhere = await startChartHost(t, { '/shop.tgz': packed });
    const { listed, location } = toChart(`${elsewhere.url}/shop.tgz`);
    const charts = await startChartHost(t, {
      '/index.yaml': toKnown(() => reply(200, {}, indexYaml([['1.0.0', listed]]))),
      '/shop-1.0.0.tgz': toKnown(() => reply(302, { location })),
    });
    const run = await images(t, charts.url, '1.0.0', {
      sources: credentialsFor(charts),
      env: { CHART_USER: 'porter', CHART_PASSWORD: secret },
    });
    assertDone(run);
    assert.deepEqual(elsewhere.requests, [{ path: '/shop.tgz', authorization: undefined }]);
    assert.doesNotMatch(run.stdout + run.stderr, new RegExp(secret));
  });
}
test('a variable that should hold the password and is not set is named', async (t) => {
  const charts = await startChartHost(t, { '/index.yaml': index });
  const run = await images(t, charts.url, '1.0.0', { sources: credentialsFor(charts), env: { CHART_USER: 'porter' } });
  assertFailed(run, { error: 'CREDENTIALS_INVALID', says: ['CHART_PASSWORD', 'is not set'] });
  assert.deepEqual(charts.requests, []);
});

async function images(
  t: TestContext,
  repo: string,
  version: string,
  { sources = '', env = {} }: { readonly sources?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<CliRun> {
  const spec = specYaml('registry.example.com', sources)
    .replace(/sources:\n.*\n.*\n/, '')
    .replace('{ path: chart }', `{ repo: "${repo}", name: shop, version: "${version}" }`);
  return runCli(['images', 'bundle.yaml'], { folder: await folderWith(t, { 'bundle.yaml': spec }), env });
}

function credentialsFor({ url }: ChartHost): string {
  return `sources: { charts: [{ url: "${url}", credentials: { env: { username: CHART_USER, password: CHART_PASSWORD } } }] }`;
}

/** Answers who has the password, and asks all others who they are. */
function toKnown(answer: () => Reply): Served {
  const expected = `Basic ${Buffer.from(`porter:${secret}`).toString('base64')}`;
  return ({ headers }) => (headers.authorization === expected ? answer() : complaint(401, 'UNAUTHORIZED', 'who are you'));
}

/** The first request gets one answer, later ones another. */
function once(first: Extract<Served, (...request: never[]) => unknown>, then: string | Buffer): Served {
  let asked = 0;
  return (request) => {
    asked += 1;
    return asked === 1 ? first(request) : reply(200, {}, then);
  };
}
