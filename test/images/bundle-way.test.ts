import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import type { Platform } from '../../bundle-spec/names.ts';
import { openArchivedImage } from '../../images/archive/oci-archive.ts';
import { blobSources } from '../../images/blob-source.ts';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { verifyBundle } from '../../images/bundle/verify-bundle.ts';
import { writeBundle } from '../../images/output/bundle-writer.ts';
import { type ImagePlan, planImage } from '../../images/plan/image-plan.ts';
import { pushBundle } from '../../images/push/push-bundle.ts';
import { formatReference, parseReference } from '../../images/reference.ts';
import { openRegistry, type Registry } from '../../images/registry/registry.ts';
import { type MemoryRegistry, startMemoryRegistry } from '../registries/memory-registry.ts';
import { pushSample, sampleArtifact, sampleImage, sampleIndex } from '../registries/sample-images.ts';
import { planShop, tempDir, writeShop } from './sample-bundle.ts';

const run = promisify(execFile);
const platforms: readonly Platform[] = ['linux/amd64', 'linux/arm64'];

const wanted = [
  { name: 'an image of one platform', tag: 'one', make: () => sampleIndex([...platforms, 'linux/s390x'], { attested: true }) },
  { name: 'an image of Docker', tag: 'docker', make: () => sampleIndex(platforms, { docker: true, layers: [100, 3_000_000] }) },
  { name: 'an artifact', tag: 'artifact', make: () => sampleArtifact('application/example') },
];

test('what a registry has travels to another by one bundle, and each byte is fetched once', async (t) => {
  const source = await start(t);
  const target = await start(t);
  const plans: ImagePlan[] = [];
  for (const { tag, make } of wanted) {
    await pushSample(source.registry, 'shop/app', tag, make(), { signal: t.signal });
    const reference = parseReference(`${source.memory.host}/shop/app:${tag}`);
    plans.push(
      await planImage({ registry: source.registry, repository: 'shop/app' }, reference, { platforms, signal: t.signal }),
    );
  }
  source.memory.requests.length = 0;
  const file = join(await tempDir(t), 'shop.tar');
  const layout = planShop({ images: plans, blobs: new Map() });
  await writeBundle(layout, file, { sources: blobSources(plans), signal: t.signal });
  const blobs = new Set(plans.flatMap((plan) => plan.blobs.map(({ digest }) => digest)));
  const gets = source.memory.requests.map(({ method, url }) => `${method} ${url}`).sort();
  assert.deepEqual(gets, [...blobs].map((digest) => `GET /v2/shop/app/blobs/${digest}`).sort());
  await verifyBundle(file, { full: true, signal: t.signal });
  const bundle = await openBundle(file, { signal: t.signal });
  t.after(() => bundle.close());
  const index = JSON.parse((await bundle.readEntry('index.json', { signal: t.signal })).toString());
  assert.equal(index.manifests.length, 2, 'an artifact is no image and would stop every importer');
  const report = await pushBundle(bundle, target.registry, { host: target.memory.host, prefix: '' }, { signal: t.signal });
  for (const [index, { stored }] of plans.entries()) assert.equal(report.items[index]?.digest, stored.descriptor.digest);
});

test('the installer of an archive is planned like an image of a registry', async (t) => {
  const { file } = await writeShop(t);
  const directory = await tempDir(t);
  await run('tar', ['-xf', file, '-C', directory, 'install']);
  const image = await openArchivedImage({ path: join(directory, 'install/installer.tar') }, { signal: t.signal });
  t.after(() => image.close());
  for (const [count, mode] of [
    [1, 'platform'],
    [2, 'complete'],
  ] as const) {
    const plan = await planImage(image.located, image.reference, { platforms: platforms.slice(0, count), signal: t.signal });
    assert.equal(plan.mode, mode);
    const output = join(directory, `${mode}.tar`);
    const layout = planShop({ images: [plan], blobs: new Map() });
    await writeBundle(layout, output, { sources: blobSources([plan]), signal: t.signal });
    await verifyBundle(output, { full: true, signal: t.signal });
    assert.equal(layout.json.installer, formatReference(image.reference));
  }
});

test('an image pulled twice into two files makes the same file', async (t) => {
  const { registry, memory } = await start(t);
  await pushSample(registry, 'shop/app', '1', sampleImage({ layers: [100, 200_000] }), { signal: t.signal });
  const directory = await tempDir(t);
  const files: Buffer[] = [];
  for (const name of ['a.tar', 'b.tar']) {
    const reference = parseReference(`${memory.host}/shop/app:1`);
    const plan = await planImage({ registry, repository: 'shop/app' }, reference, {
      platforms: ['linux/amd64'],
      signal: t.signal,
    });
    const output = join(directory, name);
    await writeBundle(planShop({ images: [plan], blobs: new Map() }), output, { sources: blobSources([plan]), signal: t.signal });
    files.push(await readFile(output));
  }
  assert.ok(files[0]?.equals(files[1] ?? Buffer.alloc(0)));
});

async function start(t: TestContext): Promise<{ readonly memory: MemoryRegistry; readonly registry: Registry }> {
  const memory = await startMemoryRegistry();
  t.after(() => memory.stop());
  const registry = openRegistry({ host: memory.host, plainHttp: true });
  t.after(() => registry.close());
  return { memory, registry };
}
