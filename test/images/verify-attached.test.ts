import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { test } from 'node:test';
import type { Digest } from '../../bundle-spec/names.ts';
import { verifyBundle } from '../../images/bundle/verify-bundle.ts';
import { attachedTypes, sampleReferrer } from '../registries/sample-attached.ts';
import { pushSample, sampleIndex } from '../registries/sample-images.ts';
import { startMemoryClient } from './memory-client.ts';
import { plannedBundle } from './planned-bundle.ts';

const name = 'r.io/shop/api:1';

test('damage in a signature, and in the index that it is of, is told of their image', async (t) => {
  const { memory, registry } = await startMemoryClient(t);
  memory.store.referrersPage = 10;
  const image = sampleIndex(['linux/amd64', 'linux/arm64']);
  const bundle = sampleReferrer(image.root, attachedTypes.bundle);
  await pushSample(registry, 'shop/api', '1', image, t);
  await pushSample(registry, 'shop/api', undefined, bundle, t);
  const made = await plannedBundle(t, registry, [{ reference: name, attached: 'all' }], ['linux/amd64']);
  const { path } = made.bundle;
  const whole = await verifyBundle(path, { full: true, signal: t.signal });
  assert.equal(whole.blobs, 3 + 1 + 3, 'manifest, config, layer; the index; manifest, config and payload of its signature');
  for (const digest of [image.root, ...bundle.blobs].map(({ descriptor }) => descriptor.digest)) {
    await damage(path, made.bundle.blobs.get(digest)?.position ?? 0);
    const message = new RegExp(`${digest.slice(7)}: .*needed by r\\.io/shop/api:1\\)`);
    await assert.rejects(verifyBundle(path, { full: true, signal: t.signal }), { code: 'BUNDLE_DAMAGED', message });
    await damage(path, made.bundle.blobs.get(digest)?.position ?? 0);
  }
});

test('a bundle with a sparse index holds the platforms of the target and their attestations, and is whole', async (t) => {
  const { registry } = await startMemoryClient(t);
  const image = sampleIndex(['linux/amd64', 'linux/arm64', 'linux/s390x'], { attested: true });
  await pushSample(registry, 'shop/api', '1', image, t);
  const { bundle, plans } = await plannedBundle(t, registry, [{ reference: name, sparse: true }], ['linux/amd64', 'linux/arm64']);
  assert.deepEqual(
    plans.map(({ mode, source, stored }) => [mode, stored.descriptor.digest === source]),
    [['sparse', true]],
  );
  assert.equal(bundle.json.images[0]?.mode, 'sparse');
  const held = (digest: Digest | undefined) => digest !== undefined && bundle.blobs.has(digest);
  assert.deepEqual(
    image.manifests.map(({ descriptor }) => held(descriptor.digest)),
    [true, true, false, true, true, false, true],
    'two platforms, their attestations, and the index',
  );
  await verifyBundle(bundle.path, { full: true, signal: t.signal });
});

/** Turns a byte; a second time it turns it back. */
async function damage(path: string, position: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, position);
  byte[0] = (byte[0] ?? 0) ^ 1;
  await file.write(byte, 0, 1, position);
  await file.close();
}
