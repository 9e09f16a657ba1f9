import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { splitFile } from '../images/split.ts';
import { sampleImage, sampleIndex } from '../registries/sample-images.ts';
import { assertDone, assertFailed, assertLeft, type CliRun, runCli } from './cli.ts';
import { chartFiles, registryOf, seed, sha256Of, siteYaml, specYaml, tagsOf, workshop, writeFiles } from './workshop.ts';

const run = (folder: string, ...args: string[]): Promise<CliRun> => runCli(args, { folder });
const build = (folder: string, output: string, ...flags: string[]) => run(folder, 'build', 'bundle.yaml', '-o', output, ...flags);
const merge = (folder: string, ...args: string[]) => run(folder, 'merge', ...args, '-o', 'merged.tar');

/** A bundle with an installer image, of which every second build has something new. */
async function changing(t: TestContext) {
  const { folder, registry } = await workshop(t);
  await seed(registry, 'diolkos', '1', sampleIndex(['linux/amd64', 'linux/arm64'], { seed: 'installer', layers: [9_000] }));
  const spec = specYaml(registry.host).replace('installer: none', `installer: ${registry.host}/diolkos:1`);
  const change = async (version: string) => {
    await seed(registry, 'shop/api', '1.0', sampleImage({ seed: 'shop/api', layers: [60_000, Number(version) * 1000] }));
    await writeFiles(folder, { 'bundle.yaml': spec.replace('version: 1.0.0', `version: ${version}.0.0`) });
  };
  return { folder, registry, change };
}

test('a base and its deltas give byte for byte what a full build gives', async (t) => {
  const { folder, change } = await changing(t);
  await change('1');
  assertDone(await build(folder, 'one.tar'));
  await change('2');
  assertDone(await build(folder, 'two.tar', '--base', 'one.tar'));
  assertDone(await build(folder, 'two-full.tar'));
  await change('3');
  assertDone(await build(folder, 'three.tar', '--base', 'bundle.lock.yaml'));
  assertDone(await build(folder, 'three-full.tar'));
  assert.match(assertDone(await merge(folder, 'one.tar', 'two.tar')), /^merged.tar: shop 2\.0\.0, 1 release, 2 images/);
  assert.equal(await sha256Of(join(folder, 'merged.tar')), await sha256Of(join(folder, 'two-full.tar')));
  assertDone(await merge(folder, 'one.tar', 'two.tar', 'three.tar'));
  assert.equal(await sha256Of(join(folder, 'merged.tar')), await sha256Of(join(folder, 'three-full.tar')));
  await splitFile(join(folder, 'two-full.tar'), join(folder, 'disk'), 20_000);
  assertDone(await merge(folder, 'two-full.tar', 'three.tar', '--volumes', 'disk'));
  assertDone(await merge(folder, 'disk/two-full.tar.001', 'three.tar'));
  assert.equal(await sha256Of(join(folder, 'merged.tar')), await sha256Of(join(folder, 'three-full.tar')));
});

test('a delta without its base is told with the images that are not whole', async (t) => {
  const { folder, change, registry } = await changing(t);
  await change('1');
  assertDone(await build(folder, 'one.tar'));
  await change('2');
  assertDone(await build(folder, 'two.tar', '--base', 'one.tar'));
  assertFailed(await merge(folder, 'two.tar'), {
    error: 'BASE_MISSING',
    says: [`${registry.host}/shop/api:1.0 lacks sha256:`, 'give the base too: shop 1.0.0'],
  });
  assertFailed(await merge(folder, 'two.tar', 'one.tar'), { error: 'NAME_COLLISION', says: ['both bundles of shop'] });
  await assertLeft(folder, ['bundle.lock.yaml', 'bundle.yaml', 'chart', 'one.tar', 'two.tar']);
});

test('bundles of several names are united, pushed and installed as one', async (t) => {
  const { folder, registry } = await workshop(t);
  await seed(registry, 'shop/web', '1.0');
  assertDone(await build(folder, 'shop.tar'));
  const monitoring = specYaml(registry.host).replaceAll('name: shop', 'name: monitoring');
  const chart = chartFiles([`${registry.host}/shop/api:1.0`, `${registry.host}/shop/web:1.0`], { name: 'monitoring' });
  await writeFiles(folder, { ...chart, 'bundle.yaml': monitoring });
  assertDone(await build(folder, 'monitoring.tar'));
  assertFailed(await merge(folder, 'shop.tar', 'monitoring.tar'), {
    error: 'USAGE_INVALID',
    exit: 64,
    says: ['shop 1.0.0, monitoring 1.0.0', '--as <name>@<version>'],
  });
  const merged = await merge(folder, 'shop.tar', 'monitoring.tar', '--as', 'platform@2.0');
  assert.match(assertDone(merged), /platform 2\.0, 2 releases, 2 images/);
  assertDone(await run(folder, 'verify', 'merged.tar'));
  const bundle = await openBundle(join(folder, 'merged.tar'), { signal: t.signal });
  t.after(() => bundle.close());
  assert.deepEqual(
    bundle.json.releases.map(({ name }) => name),
    ['shop', 'monitoring'],
  );
  assert.equal(bundle.json.images[0]?.places.length, 2);
  assert.match((await bundle.readEntry('install/README.md', { signal: t.signal })).toString(), /Installing platform 2.0/);
  const behind = await registryOf(t);
  await writeFiles(folder, { 'site.yaml': siteYaml(behind.host) });
  assertDone(await run(folder, 'push', 'merged.tar', '--site', 'site.yaml'));
  assert.deepEqual(tagsOf(behind).length, 4);
});

test('what cannot be one bundle is refused', async (t) => {
  const { folder, registry } = await workshop(t);
  assertDone(await build(folder, 'shop.tar'));
  const specs = {
    'release.tar': specYaml(registry.host).replace('metadata: { name: shop', 'metadata: { name: other'),
    'image.tar': specYaml(registry.host).replaceAll('name: shop', 'name: other'),
    'minor.tar': specYaml(registry.host).replaceAll('name: shop', 'name: other').replace('1.36', '1.35'),
  };
  await seed(registry, 'shop/api', '1.0', sampleImage({ seed: 'another' }));
  for (const [output, spec] of Object.entries(specs)) {
    await writeFiles(folder, { ...chartFiles([`${registry.host}/shop/api:1.0`], { name: 'other' }), 'bundle.yaml': spec });
    assertDone(await build(folder, output));
  }
  const cases = [
    { other: 'release.tar', error: 'NAME_COLLISION', says: ['release shop is in', 'release.tar'] },
    {
      other: 'image.tar',
      error: 'NAME_COLLISION',
      says: [/shop\/api:1\.0 is sha256:\w+ in shop\.tar and sha256:\w+ in image\.tar/],
    },
    { other: 'minor.tar', error: 'USAGE_INVALID', exit: 64, says: ['nothing in common', 'Kubernetes 1.35'] },
  ];
  for (const { other, ...failure } of cases) assertFailed(await merge(folder, 'shop.tar', other, '--as', 'all@1'), failure);
  await copyFile(join(folder, 'shop.tar'), join(folder, 'merged.tar'));
  assertFailed(await merge(folder, 'shop.tar', 'merged.tar', '--as', 'all@1'), {
    error: 'USAGE_INVALID',
    exit: 64,
    says: ['would replace'],
  });
  assertFailed(await merge(folder, 'shop.tar', '--as', 'all'), {
    error: 'USAGE_INVALID',
    exit: 64,
    says: ['no name and version'],
  });
});
