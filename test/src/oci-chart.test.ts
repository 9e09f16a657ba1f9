import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { packChart } from '../../helm/charts/package-chart.ts';
import { chartArtifact } from '../../images/bundle/chart-artifact.ts';
import type { MemoryRegistry } from '../registries/memory-registry.ts';
import type { Quirk } from '../registries/quirks/quirk.ts';
import { busy } from '../registries/quirks/statuses.ts';
import { assertDone, assertFailed, type CliRun, runCli } from './cli.ts';
import { chartFiles, folderWith, registryOf, seed, specYaml } from './workshop.ts';

test('a chart from an OCI registry, whose version has a "+"', async (t) => {
  const registry = await chartRegistry(t, '1.2.3+build.4');
  const run = await images(t, registry, `{ oci: "oci://${registry.host}/charts/shop", version: 1.2.3+build.4 }`);
  assert.match(
    assertDone(run),
    /^shop 1\.2\.3\+build\.4, release shop .*\n.*\n {4}registry\.example\.com\/shop\/api:1 {2}\(values: images\[0\]\)\n/,
  );
});

test('a chart from an OCI registry through its mirror', async (t) => {
  const registry = await chartRegistry(t, '1.2.3');
  const chart = '{ oci: "oci://charts.example.com/shop", version: 1.2.3 }';
  const source = `{ host: charts.example.com, mirror: "${registry.host}/charts", plainHttp: true }`;
  assertDone(await images(t, registry, chart, source));
});

test('a registry of charts that wants us to wait is told of', async (t) => {
  const registry = await chartRegistry(t, '1.2.3', busy(1, '2'));
  const run = await images(t, registry, `{ oci: "oci://${registry.host}/charts/shop", version: 1.2.3 }`);
  assertDone(run);
  assert.match(run.stderr, /^127\.0\.0\.1:\d+ asks to wait 2 s$/m);
});

const bad: readonly {
  readonly name: string;
  readonly chart: string;
  readonly error: string;
  readonly says: readonly string[];
}[] = [
  {
    name: 'a version that does not exist is told with those that come near',
    chart: '{ oci: "oci://HOST/charts/shop", version: 1.2.4 }',
    error: 'CHART_NOT_FOUND',
    says: ['there is no chart oci://127.0.0.1:', '/charts/shop:1.2.4', '1.2.3'],
  },
  {
    name: 'a chart that does not exist',
    chart: '{ oci: "oci://HOST/charts/shpo", version: 1.2.3 }',
    error: 'CHART_NOT_FOUND',
    says: ['/charts/shpo:1.2.3', 'check its spelling'],
  },
  {
    name: 'an image in place of a chart',
    chart: '{ oci: "oci://HOST/shop/api", version: "1" }',
    error: 'CHART_INVALID',
    says: ['/shop/api:1 is no Helm chart', 'images.extra'],
  },
  {
    name: 'a chart of a registry that nobody runs',
    chart: '{ oci: "oci://127.0.0.1:1/charts/shop", version: 1.2.3 }',
    error: 'REGISTRY_UNREACHABLE',
    says: ['127.0.0.1:1', 'nothing listens there'],
  },
];
test('charts that an OCI registry does not have', async (t) => {
  const registry = await chartRegistry(t, '1.2.3');
  await seed(registry, 'shop/api', '1');
  for (const { name, chart, error, says } of bad) {
    await t.test(name, async (own) => {
      assertFailed(await images(own, registry, chart.replace('HOST', registry.host)), { error, says });
    });
  }
});

function images(t: TestContext, { host }: MemoryRegistry, chart: string, source = ''): Promise<CliRun> {
  const spec = specYaml(host)
    .replace('{ path: chart }', chart)
    .replace('releases:', source === '' ? 'releases:' : `    - ${source}\nreleases:`);
  return folderWith(t, { 'bundle.yaml': spec }).then((folder) => runCli(['images', 'bundle.yaml'], { folder }));
}

/** A registry with `charts/shop` in this version. */
async function chartRegistry(t: TestContext, version: string, intercept?: Quirk): Promise<MemoryRegistry> {
  const registry = await registryOf(t, intercept === undefined ? {} : { intercept });
  const folder = await folderWith(t, chartFiles(['registry.example.com/shop/api:1'], { version }));
  const artifact = chartArtifact({ name: 'shop', version }, await packChart(join(folder, 'chart'), { signal: t.signal }));
  const { manifest, config, layer } = artifact;
  for (const { bytes } of [config, layer]) registry.store.putBlob('charts/shop', bytes);
  const { mediaType } = manifest.descriptor;
  registry.store.putManifest('charts/shop', version.replace('+', '_'), { mediaType, bytes: manifest.bytes });
  return registry;
}
