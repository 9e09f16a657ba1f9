import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type BundleFile, openBundle } from '../../images/bundle/bundle-reader.ts';
import { readBase } from '../../images/bundle/delta-base.ts';
import { verifyBundle } from '../../images/bundle/verify-bundle.ts';
import { writeBundle } from '../../images/output/bundle-writer.ts';
import { pushBundle } from '../../images/push/push-bundle.ts';
import { siteReport } from '../../images/push/site-report.ts';
import { openRegistry } from '../../images/registry/registry.ts';
import { type MemoryOptions, type MemoryRegistry, startMemoryRegistry } from '../registries/memory-registry.ts';
import { sampleImage } from '../registries/sample-images.ts';
import { makeSamples, memorySources, type NamedSample, planShop, tempDir, writeShop } from './sample-bundle.ts';

const installer: NamedSample = ['registry.example/diolkos/installer:1', sampleImage({ seed: 'installer', layers: [900] })];
const old: readonly NamedSample[] = [
  ['registry.example/shop/api:1', sampleImage({ seed: 'api', layers: [20_000, 500] })],
  ['registry.example/shop/web:1', sampleImage({ seed: 'web', layers: [700] })],
  installer,
];
/** The api has a new layer on the old one, under another name; the web is as it was. */
const next: readonly NamedSample[] = [
  ['registry.example/shop/next-api:2', sampleImage({ seed: 'api', layers: [20_000, 501] })],
  ['registry.example/shop/web:1', sampleImage({ seed: 'web', layers: [700] })],
  installer,
];

test('a delta holds what its base has not, all manifests, and the installer image', async (t) => {
  const { base, delta } = await bundles(t);
  const json = delta.json;
  assert.deepEqual(json.base, { from: 'bundle', name: 'shop', version: '1', digest: base.parts[0]?.digest });
  assert.ok(json.absent.length > 0);
  for (const [digest, size, holder] of json.absent) {
    assert.equal(base.blobs.get(digest)?.size, size);
    assert.ok(!delta.blobs.has(digest));
    assert.match(holder, /^registry\.example\/shop\/(api|web):1$/);
  }
  for (const image of json.images) assert.ok(delta.blobs.has(image.digest));
  const index = JSON.parse((await delta.readEntry('index.json', { signal: t.signal })).toString()) as {
    readonly manifests: readonly { readonly digest: string }[];
  };
  assert.deepEqual(
    index.manifests.map(({ digest }) => digest),
    [json.images.find(({ reference }) => reference === installer[0])?.digest],
  );
  const verified = await verifyBundle(delta.path, { full: true, signal: t.signal });
  assert.equal(verified.absent, json.absent.length);
  assert.ok(delta.size < base.size);
});

test('a bundle, its volumes, its lock and what a site reports tell the same of a base', async (t) => {
  const { base, delta } = await bundles(t);
  const directory = await tempDir(t);
  const report = await siteReport(base, { signal: t.signal });
  await writeFile(join(directory, 'report.json'), JSON.stringify({ ...report, items: [] }, null, 2));
  const fromBundle = await readBase(base.path, { signal: t.signal });
  const fromReport = await readBase(join(directory, 'report.json'), { signal: t.signal });
  assert.deepEqual(new Map([...fromReport.held].sort()), new Map([...fromBundle.held].sort()));
  assert.deepEqual({ ...fromReport.base, from: 'bundle' }, fromBundle.base);
  const lock = `apiVersion: diolkos.dev/v1\nkind: Lock\nmetadata: { name: shop, version: "1" }\ncharts: []\nimages: []\n`;
  await writeFile(join(directory, 'bundle.lock.yaml'), `${lock}blobs: ${JSON.stringify(report.blobs)}\n`);
  const fromLock = await readBase(join(directory, 'bundle.lock.yaml'), { signal: t.signal });
  assert.deepEqual(new Map([...fromLock.held].sort()), new Map([...fromBundle.held].sort()));
  await writeFile(join(directory, 'bundle.lock.yaml'), lock);
  await assert.rejects(readBase(join(directory, 'bundle.lock.yaml'), { signal: t.signal }), { code: 'LOCK_INVALID' });
  await writeFile(join(directory, 'report.json'), '{"kind":"SiteReport"}');
  await assert.rejects(readBase(join(directory, 'report.json'), { signal: t.signal }), { code: 'LOCK_INVALID' });
  const chained = await readBase(delta.path, { signal: t.signal });
  for (const [digest] of delta.json.absent) assert.ok(chained.held.has(digest));
});

test('a delta is pushed where its base is: only what is new is sent', async (t) => {
  const { base, delta } = await bundles(t);
  const world = await start(t);
  await world.push(base);
  world.memory.requests.length = 0;
  const report = await world.push(delta);
  const sent = report.items.filter(({ outcome }) => outcome === 'pushed').map(({ name }) => name);
  assert.deepEqual(sent, ['registry.example/shop/next-api:2']);
  assert.equal(report.blobsMounted, 1);
  assert.ok(report.bytesPushed < 10_000);
  assertWhole(world.memory);
});

test('where the base is not, all that is missing is told before anything is sent', async (t) => {
  const { base, delta } = await bundles(t);
  const world = await start(t);
  await assert.rejects(world.push(delta), {
    code: 'BASE_MISSING',
    message: /next-api:2 lacks 1 blob \(20\d+ bytes\)\n {2}registry.example\/shop\/web:1 lacks 2 blobs/,
    hint: /push shop 1 first/,
  });
  assert.deepEqual(new Set(world.memory.requests.map(({ method }) => method)), new Set(['HEAD']));
  await world.push(base);
  await world.push(delta);
  assertWhole(world.memory);
});

test('a registry that cannot mount is given the blob from its own other repository', async (t) => {
  const { base, delta } = await bundles(t);
  const world = await start(t, {
    async intercept({ url = '' }, response, { origin }) {
      if (!url.includes('?mount=')) return false;
      const opened = await fetch(`${origin}${url.replace(/\?.*/, '')}`, { method: 'POST' });
      response.writeHead(opened.status, { location: opened.headers.get('location') ?? '' }).end();
      return true;
    },
  });
  await world.push(base);
  const { memory } = world;
  memory.requests.length = 0;
  await world.push(delta);
  const large = delta.json.absent.find(([, size]) => size >= 20_000)?.[0];
  assert.ok(
    memory.requests.some(({ method, url }) => method === 'GET' && url === `/v2/registry.example/shop/api/blobs/${large}`),
  );
  assertWhole(memory);
});

/** A bundle of `old`, and the delta from it to `next`. */
async function bundles(t: TestContext): Promise<{ readonly base: BundleFile; readonly delta: BundleFile }> {
  const { file } = await writeShop(t, await makeSamples(old));
  const samples = await makeSamples(next);
  const known = await readBase(file, { signal: t.signal });
  const layout = planShop(samples, { base: known.base }, { held: known.held });
  const output = join(await tempDir(t), 'delta.tar');
  await writeBundle(layout, output, { sources: memorySources(samples), signal: t.signal });
  assert.equal((await readFile(output)).length, layout.size);
  const opened = [await openBundle(file, { signal: t.signal }), await openBundle(output, { signal: t.signal })] as const;
  t.after(() => Promise.all(opened.map((bundle) => bundle.close())));
  return { base: opened[0], delta: opened[1] };
}

async function start(t: TestContext, options: MemoryOptions = {}) {
  const memory = await startMemoryRegistry(options);
  const registry = openRegistry({ host: memory.host, plainHttp: true });
  t.after(async () => {
    await registry.close();
    await memory.stop();
  });
  const push = (bundle: BundleFile) => pushBundle(bundle, registry, { host: memory.host, prefix: '' }, { signal: t.signal });
  return { memory, push };
}

/** Every repository has each blob that its manifests name. */
function assertWhole({ store }: MemoryRegistry): void {
  for (const [name, { manifests }] of store.repositories) {
    for (const { bytes } of manifests.values()) {
      const named = [...bytes.toString().matchAll(/sha256:[0-9a-f]{64}/g)].map(([digest]) => digest);
      for (const digest of named) assert.ok(store.blob(name, digest) ?? store.manifest(name, digest), `${name} lacks ${digest}`);
    }
  }
}
