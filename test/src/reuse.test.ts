import assert from 'node:assert/strict';
import { copyFile, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { splitFile } from '../images/split.ts';
import type { MemoryRegistry } from '../registries/memory-registry.ts';
import { sampleImage } from '../registries/sample-images.ts';
import { assertDone, assertFailed, type CliRun, runCli } from './cli.ts';
import { chartFiles, registryOf, seed, sha256Of, siteYaml, workshop, writeFiles } from './workshop.ts';

const build = (folder: string, output: string, ...flags: string[]): Promise<CliRun> =>
  runCli(['build', 'bundle.yaml', '-o', output, ...flags], { folder });

test('a rebuild after one changed tag costs only the new bytes', async (t) => {
  const { folder, registry } = await twoImages(t);
  assertDone(await build(folder, 'shop.tar'));
  await seed(registry, 'shop/api', '1.0', sampleImage({ seed: 'shop/api', layers: [60_000, 4_000] }));
  registry.requests.length = 0;
  const said = assertDone(await build(folder, 'shop.tar'));
  assert.match(said, /\(\d+(\.\d)? kB from earlier bundles\), every digest verified/);
  const served = blobsServed(registry);
  assert.ok(served.bytes > 4_000 && served.bytes < 6_000, `${served.bytes} bytes were served`);
  await copyFile(join(folder, 'shop.tar'), join(folder, 'rebuilt.tar'));
  await rm(join(folder, 'shop.tar'));
  assertDone(await build(folder, 'fresh.tar'));
  assert.equal(await sha256Of(join(folder, 'rebuilt.tar')), await sha256Of(join(folder, 'fresh.tar')));
});

test('with a lock and everything reused, nothing but manifests is asked of a registry', async (t) => {
  const { folder, registry } = await twoImages(t);
  assertDone(await build(folder, 'shop.tar'));
  const { paths, parts } = await splitFile(join(folder, 'shop.tar'), join(folder, 'disk'), 30_000);
  await writeFile(join(folder, 'disk/shop.tar.parts.json'), JSON.stringify(parts));
  assert.ok(paths.length > 2);
  for (const [index, reuse] of ['shop.tar', 'disk/shop.tar.001'].entries()) {
    registry.requests.length = 0;
    assertDone(await build(folder, `again-${index}.tar`, '--locked', '--reuse', reuse));
    assert.deepEqual(blobsServed(registry), { count: 0, bytes: 0 });
    assert.ok(registry.requests.every(({ url }) => /\/manifests\/|^\/v2\/$/.test(url)));
    assert.equal(await sha256Of(join(folder, `again-${index}.tar`)), await sha256Of(join(folder, 'shop.tar')));
  }
});

test('a blob that is damaged in the earlier bundle is pulled, and that is said', async (t) => {
  const { folder, registry } = await twoImages(t);
  assertDone(await build(folder, 'shop.tar'));
  const whole = await sha256Of(join(folder, 'shop.tar'));
  const bundle = await openBundle(join(folder, 'shop.tar'), { signal: t.signal });
  const [large] = [...bundle.blobs.values()].sort((a, b) => b.size - a.size);
  await bundle.close();
  const handle = await open(join(folder, 'shop.tar'), 'r+');
  await handle.write(Buffer.from('damage'), 0, 6, (large?.position ?? 0) + 100);
  await handle.close();
  registry.requests.length = 0;
  const run = await build(folder, 'shop.tar');
  assertDone(run);
  assert.match(run.stderr, new RegExp(`${large?.digest} is damaged there, and pulled anew`));
  assert.equal(blobsServed(registry).count, 1);
  assert.equal(await sha256Of(join(folder, 'shop.tar')), whole);
});

test('what is to be replaced may be anything, what is to be reused must be a bundle', async (t) => {
  const { folder } = await twoImages(t);
  await writeFiles(folder, { 'shop.tar': 'hello', 'old.tar': 'hello' });
  assertFailed(await build(folder, 'new.tar', '--reuse', 'old.tar'), { error: 'BUNDLE_INVALID', says: ['old.tar is no bundle'] });
  assertFailed(await build(folder, 'new.tar', '--reuse', 'absent.tar'), { error: 'FILE_UNREADABLE', says: ['absent.tar'] });
  assertDone(await build(folder, 'shop.tar'));
});

test('a base is not replaced by its own delta, and what is none is told so', async (t) => {
  const { folder } = await twoImages(t);
  assertDone(await build(folder, 'old.tar', '--volume-size', '1MB'));
  const whole = await sha256Of(join(folder, 'old.tar.001'));
  for (const base of ['old.tar', 'old.tar.001', 'old.tar.parts.json']) {
    assertFailed(await build(folder, 'old.tar', '--base', base), { error: 'USAGE_INVALID', exit: 64, says: ['would replace'] });
  }
  assert.equal(await sha256Of(join(folder, 'old.tar.001')), whole);
  const wrong = await build(folder, 'delta.tar', '--base', 'bundle.yaml');
  assertFailed(wrong, { error: 'LOCK_INVALID', says: ['bundle.yaml', 'a base is an earlier bundle, the lock'] });
});

test('a delta to its own version, as by a lock that the build before has written anew, is told', async (t) => {
  const { folder } = await twoImages(t);
  assertDone(await build(folder, 'old.tar'));
  await copyFile(join(folder, 'bundle.lock.yaml'), join(folder, 'old.lock.yaml'));
  await writeFiles(folder, { 'bundle.yaml': (await readFile(join(folder, 'bundle.yaml'), 'utf8')).replace('1.0.0', '1.1.0') });
  assert.doesNotMatch((await build(folder, 'delta.tar', '--base', 'old.lock.yaml')).stderr, /the base is/);
  const own = await build(folder, 'delta.tar', '--base', 'bundle.lock.yaml');
  assertDone(own);
  assert.match(own.stderr, /^the base is shop 1\.1\.0, as is this bundle: give what the other side has/m);
});

for (const from of ['bundle', 'lock', 'site-report'] as const) {
  test(`a delta to a ${from} is built, pushed behind its base, and refused without it`, async (t) => {
    const { folder, registry } = await twoImages(t);
    const behind = await registryOf(t);
    await writeFiles(folder, { 'site.yaml': siteYaml(behind.host) });
    assertDone(await build(folder, 'old.tar'));
    await copyFile(join(folder, 'bundle.lock.yaml'), join(folder, 'old.lock.yaml'));
    const push = (bundle: string) =>
      runCli(['push', bundle, '--site', 'site.yaml', '--format', 'json', '--tag-conflict', 'overwrite'], { folder });
    await seed(registry, 'shop/api', '1.0', sampleImage({ seed: 'shop/api', layers: [60_000, 4_000] }));
    const files = { bundle: 'old.tar', lock: 'old.lock.yaml', 'site-report': 'report.json' };
    if (from === 'site-report') await writeFile(join(folder, 'report.json'), assertDone(await push('old.tar')));
    const built = assertDone(await build(folder, 'delta.tar', '--base', files[from]));
    assert.match(built, /a delta to shop 1\.0\.0, without 3 blobs \(\d+(\.\d)? kB\) that it has/);
    assert.match(assertDone(await runCli(['inspect', 'delta.tar'], { folder })), /a delta to shop 1\.0\.0 without 3 blobs/);
    assert.match(assertDone(await runCli(['verify', 'delta.tar'], { folder })), /a delta: 3 blobs must be at the target/);
    if (from !== 'site-report') {
      assertFailed(await push('delta.tar'), {
        error: 'BASE_MISSING',
        says: ['shop/api:1.0 lacks 1 blob', 'push shop 1.0.0 first'],
      });
      assertDone(await push('old.tar'));
    }
    const report = JSON.parse(assertDone(await push('delta.tar')));
    assert.ok(report.bytesPushed < 7_000);
    assert.deepEqual([report.kind, report.bundle.name], ['SiteReport', 'shop']);
  });
}

/** A registry with two images, and a folder whose spec builds a bundle of them. */
async function twoImages(t: TestContext) {
  const made = await workshop(t);
  const { folder, registry } = made;
  await seed(registry, 'shop/web', '1.0', sampleImage({ seed: 'shop/web', layers: [30_000] }));
  await writeFiles(folder, chartFiles([`${registry.host}/shop/api:1.0`, `${registry.host}/shop/web:1.0`]));
  return made;
}

/** How many blobs a registry gave, and their bytes. */
function blobsServed({ requests, store }: MemoryRegistry): { readonly count: number; readonly bytes: number } {
  const asked = requests
    .filter(({ method }) => method === 'GET')
    .flatMap(({ url }) => /\/blobs\/(sha256:.*)$/.exec(url)?.[1] ?? []);
  return { count: asked.length, bytes: asked.reduce((sum, digest) => sum + (store.blobs.get(digest)?.length ?? 0), 0) };
}
