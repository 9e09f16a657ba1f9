import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../build/command.ts';
import { podinfoImage } from './images.ts';
import { ctrImport, dockerLoad, podmanLoad, skopeoInspect } from './importers.ts';
import { connectWorld } from './world.ts';

const world = await connectWorld();
const { archive, reference } = await podinfoImage();

test('skopeo reads an OCI archive by reference', async () => {
  assert.match((await skopeoInspect(archive, reference)).Digest, /^sha256:/);
});

test('containerd imports an OCI archive under its digest', async () => {
  const { Digest } = await skopeoInspect(archive, reference);
  const imported = await ctrImport(world, archive);
  assert.deepEqual(
    imported.filter((image) => image.reference === reference),
    [{ reference, digest: Digest }],
  );
});

test('podman loads an OCI archive', async () => {
  assert.deepEqual(
    (await podmanLoad(archive)).map((image) => image.reference),
    [reference],
  );
});

test('docker loads a docker archive into a dockerd of its own', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-importers-'));
  t.after(() => rm(folder, { recursive: true }));
  const tar = join(folder, 'image.tar');
  const copy = [
    '--insecure-policy',
    'copy',
    '--quiet',
    `oci-archive:${archive}:${reference}`,
    `docker-archive:${tar}:${reference}`,
  ];
  await run([world.tools.skopeo, ...copy]);
  assert.deepEqual(
    (await dockerLoad(tar)).map((image) => image.reference),
    [reference],
  );
});
