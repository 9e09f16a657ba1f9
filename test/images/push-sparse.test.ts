import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { BundleFile } from '../../images/bundle/bundle-reader.ts';
import { pushBundle } from '../../images/push/push-bundle.ts';
import { openRegistry, type Registry } from '../../images/registry/registry.ts';
import { attachedTypes, cosignTag, sampleReferrer, sampleSignature } from '../registries/sample-attached.ts';
import { pushSample, sampleIndex } from '../registries/sample-images.ts';
import { registryKinds, startRegistry } from '../registries/start-registry.ts';
import { startMemoryClient } from './memory-client.ts';
import { plannedBundle } from './planned-bundle.ts';

const target = 'apps/r.io/shop/api';

async function sparseBundle(t: TestContext) {
  const { memory, registry } = await startMemoryClient(t);
  memory.store.referrersPage = 10;
  const image = sampleIndex(['linux/amd64', 'linux/arm64', 'linux/s390x'], { attested: true });
  const signature = sampleSignature(image.root);
  await pushSample(registry, 'shop/api', '1', image, t);
  await pushSample(registry, 'shop/api', cosignTag(image.root), signature, t);
  await pushSample(registry, 'shop/api', undefined, sampleReferrer(image.root, attachedTypes.bundle), t);
  const wanted = [
    { reference: 'r.io/shop/api:1', attached: 'all', sparse: true },
    { reference: `r.io/shop/api:1@${image.root.descriptor.digest}`, attached: 'all', sparse: true },
  ] as const;
  const { bundle } = await plannedBundle(t, registry, wanted, ['linux/amd64']);
  return { bundle, image, signature };
}

async function push(bundle: BundleFile, registry: Registry, { signal }: TestContext) {
  return pushBundle(bundle, registry, { host: registry.host, prefix: 'apps' }, { signal });
}

test('an index keeps its digest and its signatures where the registry takes it without all platforms', async (t) => {
  const { bundle, image, signature } = await sparseBundle(t);
  const { memory, registry } = await startMemoryClient(t);
  memory.store.sparse = true;
  await push(bundle, registry, t);
  const { manifests, tags } = memory.store.repository(target);
  assert.equal(tags.get('1'), image.root.descriptor.digest);
  assert.equal(tags.get(cosignTag(image.root)), signature.root.descriptor.digest);
  assert.deepEqual(
    image.manifests.map(({ descriptor }) => manifests.has(descriptor.digest)),
    [true, false, false, true, false, false, true],
  );
  assert.equal(manifests.size, 3 + 3, 'and two signatures with the index that lists one: nothing is left of the question');
});

test('a registry that does not take it is told of before a byte is sent, and gets nothing', async (t) => {
  const { bundle, image } = await sparseBundle(t);
  const { memory, registry } = await startMemoryClient(t);
  await assert.rejects(push(bundle, registry, t), {
    code: 'REGISTRY_FAILED',
    message:
      /takes no index of which platforms are absent, and the bundle has such: r\.io\/shop\/api:1,.*r\.io\/shop\/api:1@sha256/,
    hint: /without images\.sparse.*platforms: none.*FEATURE_SPARSE_INDEX/,
  });
  assert.deepEqual([...memory.store.repository(target).manifests.keys()], []);
  assert.deepEqual([...memory.store.repository(target).tags.keys()], []);
  const [layer] = image.blobs.filter(({ descriptor }) => descriptor.mediaType.includes('layer'));
  assert.ok(!memory.store.repository(target).blobs.has(layer?.descriptor.digest ?? ''));
});

test('a registry that has the index already is not asked', async (t) => {
  const { bundle } = await sparseBundle(t);
  const { memory, registry } = await startMemoryClient(t);
  memory.store.sparse = true;
  await push(bundle, registry, t);
  memory.store.sparse = false;
  memory.requests.length = 0;
  await push(bundle, registry, t);
  assert.ok(memory.requests.every(({ method }) => method === 'GET' || method === 'HEAD'));
});

test('a registry that does not delete keeps no tag of the question', async (t) => {
  const { bundle } = await sparseBundle(t);
  const { memory, registry } = await startMemoryClient(t, {
    intercept: (request, response) => {
      if (request.method !== 'DELETE') return false;
      response.writeHead(405).end();
      return true;
    },
  });
  memory.store.sparse = true;
  await push(bundle, registry, t);
  const tags = [...memory.store.repository(target).tags.keys()].filter((tag) => !tag.startsWith('sha256-'));
  assert.deepEqual(tags, ['1']);
});

for (const kind of registryKinds.filter((one) => one.startsWith('distribution'))) {
  test(`${kind}: as it comes it takes no sparse index, and is not begun with`, async (t) => {
    const { bundle } = await sparseBundle(t);
    const { host, plainHttp } = await startRegistry(kind, t);
    const registry = openRegistry({ host, plainHttp }, { retry: { baseMs: 5 } });
    t.after(() => registry.close());
    await assert.rejects(push(bundle, registry, t), { code: 'REGISTRY_FAILED', message: /takes no index of which platforms/ });
    const tags = await registry.listTags(target, t).catch(() => []);
    assert.deepEqual(tags, []);
  });
}

for (const kind of registryKinds.filter((one) => one === 'distribution3')) {
  test(`${kind}: with platforms: none it takes one, and its signature with it`, async (t) => {
    const { bundle, image, signature } = await sparseBundle(t);
    const { host, plainHttp } = await startRegistry(kind, t, { sparse: true });
    const registry = openRegistry({ host, plainHttp }, { retry: { baseMs: 5 } });
    t.after(() => registry.close());
    await push(bundle, registry, t);
    const served = await registry.fetchManifest(target, '1', t);
    assert.deepEqual(served.bytes, image.root.bytes);
    assert.equal(
      (await registry.fetchManifest(target, cosignTag(image.root), t)).descriptor.digest,
      signature.root.descriptor.digest,
    );
    const again = await push(bundle, registry, t);
    assert.deepEqual(new Set([...again.items, ...again.attached].map(({ outcome }) => outcome)), new Set(['present']));
  });
}
