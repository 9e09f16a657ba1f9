import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../../build/command.ts';
import { parseReference } from '../../images/reference.ts';
import { buildBundle, readLockFile } from './bundles.ts';
import { ctrImport, dockerLoad, podmanLoad, skopeoInspect } from './importers.ts';
import { connectWorld } from './world.ts';

const world = await connectWorld();

// Several releases and charts, and images of two platforms: each of them an index in the bundle.
const bundle = await buildBundle(world, {
  name: 'imported',
  charts: ['umbrella', 'fragile'],
  platforms: ['linux/amd64', 'linux/arm64'],
  installer: 'none',
});
const lock = await readLockFile(bundle);
const references = lock.images.map(({ reference }) => reference);

test('the bundle holds indexes of two platforms and two charts', () => {
  assert.deepEqual(references, ['docker.io/library/busybox:1.35', 'ghcr.io/stefanprodan/podinfo:6.9.2']);
  for (const { platforms } of lock.images) assert.deepEqual(platforms, ['linux/amd64', 'linux/arm64']);
  assert.deepEqual(lock.charts.map(({ name }) => name).sort(), ['fragile', 'umbrella']);
});

test('skopeo reads every image of the bundle by its reference', async () => {
  for (const { reference } of lock.images) {
    const inspected = await skopeoInspect(bundle.tar, reference);
    assert.deepEqual([inspected.Os, inspected.Architecture], ['linux', 'amd64']);
    assert.ok(inspected.Layers.length > 0);
  }
});

test('containerd imports the bundle, every image under its reference and the digest of the lock', async () => {
  const imported = await ctrImport(world, bundle.tar);
  const expected = lock.images.map(({ reference, digest }) => ({ reference, digest }));
  assert.deepEqual(
    expected.filter(({ reference, digest }) =>
      imported.some((image) => image.reference === reference && image.digest === digest),
    ),
    expected,
  );
});

test('podman loads every image of the bundle', async () => {
  assert.deepEqual((await podmanLoad(bundle.tar)).map(({ reference }) => reference).sort(), references);
});

test('docker loads every image of the bundle', async () => {
  const loaded = (await dockerLoad(bundle.tar)).map(({ reference }) => wholeReference(reference)).sort();
  assert.deepEqual(loaded, references);
});

test('tar lists bundle.json first, install/ before the blobs, and the blobs in the order of their digests', async () => {
  const { stdout } = await run(['tar', 'tf', bundle.tar]);
  const names = stdout.trim().split('\n');
  assert.equal(names[0], 'bundle.json');
  const blobs = names.filter((name) => name.startsWith('blobs/'));
  assert.deepEqual(names.slice(-blobs.length), blobs.toSorted());
  assert.ok(names.includes('install/README.md') && names.includes('index.json') && names.includes('oci-layout'));
});

/** The whole reference: docker leaves `docker.io/library/` out. */
function wholeReference(reference: string): string {
  const { host, repository, tag } = parseReference(reference);
  return `${host}/${repository}:${tag}`;
}
