import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MemoryStore } from '../registries/memory-store.ts';
import { sampleIndex } from '../registries/sample-images.ts';
import { assertDone, runCli } from '../src/cli.ts';
import { chartFiles, folderWith, registryOf, seed, siteYaml, specYaml, tagsOf } from '../src/workshop.ts';
import { isSample, killInstants, runKilled } from './series.ts';

const push = ['push', 'shop.tar', '--site', 'site.yaml'];

test('a push that is killed at any instant leaves no tag whose parts are missing, and the next one ends it', async (t) => {
  const bundle = await builtBundle(t);
  const undisturbed = await behindTheGap(t, bundle);
  let startedAt = 0;
  undisturbed.asked.then(() => {
    startedAt = performance.now();
  });
  assertDone(await runCli(push, undisturbed));
  const durationMs = performance.now() - startedAt;
  const whole = digestsOf(undisturbed.registry.store);
  assert.equal(whole.length, 4);
  let midway = 0;
  for (const [index, afterMs] of killInstants(t, durationMs).entries()) {
    await t.test(`kill ${index + 1} after ${afterMs} ms`, async (own) => {
      const { folder, registry, asked } = await behindTheGap(own, bundle);
      await runKilled(push, { folder }, afterMs, asked);
      assertTagsWhole(registry.store);
      const tags = tagsOf(registry).length;
      if (registry.store.blobs.size > 0 && tags < whole.length) midway += 1;
      assertDone(await runCli(push, { folder }));
      assertTagsWhole(registry.store);
      assert.deepEqual(digestsOf(registry.store), whole);
    });
  }
  assert.ok(isSample || midway > 0);
  t.diagnostic(`${midway} of them after the first byte and before the last tag`);
});

/** `repository:tag digest` of every tag. */
function digestsOf({ repositories }: MemoryStore): string[] {
  return [...repositories].flatMap(([name, { tags }]) => [...tags].map(([tag, digest]) => `${name}:${tag} ${digest}`)).sort();
}

/** Everything that a tag reaches is there: children, configs, layers. */
function assertTagsWhole(store: MemoryStore): void {
  for (const [name, { tags }] of store.repositories) for (const digest of tags.values()) assertManifestWhole(store, name, digest);
}

function assertManifestWhole(store: MemoryStore, repository: string, digest: string): void {
  const found = store.manifest(repository, digest);
  assert.ok(found !== undefined, `${repository} lacks ${digest}`);
  const { config, layers = [], manifests = [] } = JSON.parse(found.bytes.toString());
  for (const blob of [config ?? [], layers].flat()) {
    assert.ok(store.blob(repository, blob.digest) !== undefined, `${repository} lacks ${blob.digest}`);
  }
  for (const child of manifests) assertManifestWhole(store, repository, child.digest);
}

/** Three images for two platforms, two of which share layers, and a chart. */
async function builtBundle(t: TestContext): Promise<string> {
  const connected = await registryOf(t);
  for (const [name, layers] of [
    ['api', [90_000, 40_000]],
    ['web', [90_000, 30_000]],
    ['report', [20_000]],
  ] as const) {
    await seed(connected, `shop/${name}`, '1', sampleIndex(['linux/amd64', 'linux/arm64'], { seed: 'shared', layers }));
  }
  const images = ['api', 'web', 'report'].map((name) => `registry.example.com/shop/${name}:1`);
  const spec = specYaml('registry.example.com')
    .replace(', plainHttp', `, mirror: "${connected.host}", plainHttp`)
    .replace('["1.36"] }', '["1.36"], platforms: [linux/amd64, linux/arm64] }');
  const folder = await folderWith(t, { ...chartFiles(images), 'bundle.yaml': spec });
  assertDone(await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder }));
  return join(folder, 'shop.tar');
}

/** A registry that takes its time for every request, so that a kill may hit any of them; `asked` is the first. */
async function behindTheGap(t: TestContext, bundle: string) {
  const asked = Promise.withResolvers<void>();
  const intercept = async (): Promise<boolean> => {
    asked.resolve();
    await sleep(40);
    return false;
  };
  const registry = await registryOf(t, { intercept });
  const folder = await folderWith(t, { 'site.yaml': siteYaml(registry.host) });
  await copyFile(bundle, join(folder, 'shop.tar'));
  return { folder, registry, asked: asked.promise };
}
