import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeBundle } from '../../images/output/bundle-writer.ts';
import { makeSamples, memorySources, planShop, tempDir } from '../images/sample-bundle.ts';
import { sampleImage } from '../registries/sample-images.ts';
import { umociUnpack } from './importers.ts';

// It knows images of one platform and OCI's media types only.

test('umoci unpacks every image of a bundle of one platform, its layers proven', async (t) => {
  const bundle = join(await tempDir(t), 'shop.tar');
  const samples = await makeSamples([
    ['docker.io/library/web:2', sampleImage({ layers: [2000, 70_000] })],
    ['registry.example/shop/api:1', sampleImage({ layers: [500] })],
  ]);
  await writeBundle(planShop(samples), bundle, { sources: memorySources(samples), signal: t.signal });
  for (const reference of ['docker.io/library/web:2', 'registry.example/shop/api:1']) {
    assert.deepEqual(await umociUnpack(bundle, reference), ['data']);
  }
});
