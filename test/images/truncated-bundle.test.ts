import assert from 'node:assert/strict';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { blockSize } from '../../images/bundle/tar-header.ts';
import { verifyBundle } from '../../images/bundle/verify-bundle.ts';
import { pushBundle } from '../../images/push/push-bundle.ts';
import { startMemoryClient } from './memory-client.ts';
import { tempDir, tinySamples, writeShop } from './sample-bundle.ts';

// A copy that was cut anywhere must not look whole to anything that reads it.

test('a bundle that was cut at any block is verified by nobody, with or without its blobs', async (t) => {
  const { file } = await writeShop(t, await tinySamples());
  const whole = await readFile(file);
  const cut = join(await tempDir(t), 'cut.tar');
  for (let size = 0; size < whole.length; size += blockSize) {
    await writeFile(cut, whole.subarray(0, size));
    for (const full of [true, false]) {
      await assert.rejects(verifyBundle(cut, { full, signal: t.signal }), { code: 'BUNDLE_INVALID' }, `${size} ${full}`);
    }
  }
});

test('a bundle that is cut at any block after it was opened is pushed by nobody: no tag appears without all its bytes', async (t) => {
  const { file } = await writeShop(t, await tinySamples());
  const whole = await readFile(file);
  const cut = join(await tempDir(t), 'cut.tar');
  const { memory, registry } = await startMemoryClient(t, { client: { retry: { tries: 1 } } });
  for (let size = 0; size < whole.length - 2 * blockSize; size += blockSize) {
    await writeFile(cut, whole);
    const bundle = await openBundle(cut, t);
    await truncate(cut, size);
    const repository = `at-${size}`;
    const push = pushBundle(bundle, registry, { host: memory.host, prefix: repository }, t);
    await assert.rejects(push, { name: 'BundleError' }, `cut at ${size}`);
    await bundle.close();
    for (const [name, { tags, manifests, blobs }] of memory.store.repositories) {
      if (tags.size === 0) continue;
      for (const { bytes } of manifests.values()) {
        const { config, layers = [] } = JSON.parse(bytes.toString());
        for (const { digest } of [config, ...layers]) assert.ok(blobs.has(digest), `${name} lacks ${digest}`);
      }
    }
    memory.store.repositories.clear();
    memory.store.blobs.clear();
  }
});
