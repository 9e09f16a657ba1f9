import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';
import { Lock, type LockedImage } from '../../bundle-spec/lock.ts';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { openRegistry } from '../../images/registry/registry.ts';
import { sampleIndex } from '../registries/sample-images.ts';
import { assertDone, runCli } from './cli.ts';
import { folderWith, podYaml, registryOf, seed, sha256Of, siteYaml, specYaml, writeFiles } from './workshop.ts';

/** A chart of two images with indexes of two platforms: values pin `api`, the template pins `worker`. */
async function pinnedShop(t: TestContext) {
  const registry = await registryOf(t);
  const { host } = registry;
  const indexOf = (name: string) => sampleIndex(['linux/amd64', 'linux/arm64'], { seed: name, attested: true });
  const api = await seed(registry, 'shop/api', '1.0', indexOf('api'));
  const worker = await seed(registry, 'shop/worker', '1.0', indexOf('worker'));
  const [apiDigest, workerDigest] = [api.root.descriptor.digest, worker.root.descriptor.digest];
  const folder = await folderWith(t, {
    'bundle.yaml': specYaml(host),
    'chart/Chart.yaml': 'apiVersion: v2\nname: shop\nversion: 1.0.0\n',
    'chart/values.yaml': `api: { repository: ${host}/shop/api, tag: "1.0", digest: "${apiDigest}" }\nworker: ${host}/shop/worker\n`,
    'chart/templates/api.yaml': podYaml('api', '{{ .Values.api.repository }}:{{ .Values.api.tag }}@{{ .Values.api.digest }}'),
    'chart/templates/worker.yaml': podYaml('worker', `{{ .Values.worker }}@${workerDigest}`),
  });
  const images = { api: `${host}/shop/api:1.0@${apiDigest}`, worker: `${host}/shop/worker@${workerDigest}` };
  const build = (...flags: string[]) => runCli(['build', 'bundle.yaml', '-o', 'shop.tar', ...flags], { folder });
  const locked = async (): Promise<ReadonlyMap<string, LockedImage>> => {
    const lock = Lock.parse(parseYaml11(await readFile(join(folder, 'bundle.lock.yaml'), 'utf8'))[0]);
    return new Map(lock.images.map((image) => [image.reference, image]));
  };
  const platforms = (...names: string[]) =>
    writeFiles(folder, {
      'bundle.yaml': specYaml(host).replace('["1.36"] }', `["1.36"], platforms: ${JSON.stringify(names)} }`),
    });
  return { host, folder, api, apiDigest, workerDigest, images, build, locked, platforms };
}

test('an image whose digest comes from values travels for the platforms of the target, and its digest is rewritten', async (t) => {
  const { host, folder, api, apiDigest, workerDigest, images, build, locked } = await pinnedShop(t);
  const amd64 = api.manifests[0]?.descriptor.digest;
  assertDone(await build());

  await t.test('the lock keeps what the chart names beside what is stored', async () => {
    const lock = await locked();
    const told = [images.api, images.worker].map((reference) => lock.get(reference));
    assert.deepEqual(
      told.map((image) => [image?.mode, image?.source, image?.digest]),
      [
        ['platform', apiDigest, amd64],
        ['complete', workerDigest, workerDigest],
      ],
    );
    const bundle = await openBundle(join(folder, 'shop.tar'), { signal: t.signal });
    t.after(() => bundle.close());
    assert.ok(bundle.blobs.has(apiDigest), 'the index that the digest names is kept: signatures are of it');
    const { manifests } = JSON.parse((await bundle.readEntry('index.json', { signal: t.signal })).toString());
    assert.ok(!manifests.some(({ digest }: { digest: string }) => digest === apiDigest), 'and importers do not see it');
  });

  await t.test('the same comes out of the lock', async () => {
    const first = await sha256Of(join(folder, 'shop.tar'));
    for (const flags of [['--locked'], ['--no-cache']]) {
      assertDone(await build(...flags));
      assert.equal(await sha256Of(join(folder, 'shop.tar')), first, flags.join());
    }
    assertDone(await runCli(['verify', 'shop.tar'], { folder }));
  });

  await t.test('importers are told the name of what is stored', async () => {
    const index = (await readFile(join(folder, 'shop.tar'))).toString('latin1');
    assert.ok(index.includes(`"${host}/shop/api:1.0@${amd64}"`));
  });

  await t.test('a registry gets what the rewritten values name', async () => {
    const target = await registryOf(t);
    await writeFiles(folder, { 'site.yaml': siteYaml(target.host) });
    assertDone(await runCli(['push', 'shop.tar', '--site', 'site.yaml'], { folder }));
    const args = ['rewrite', 'shop.tar', '--registry', target.host];
    const [values] = parseYaml11(assertDone(await runCli(args, { folder }))) as { api: { digest: string } }[];
    assert.equal(values?.api.digest, amd64);
    const stream = assertDone(await runCli([...args, '--manifests'], { folder }));
    const pulled = [...stream.matchAll(/image: "[^/]+\/([^:@]+)[^@]*@([^"]+)"/g)];
    assert.deepEqual(pulled.map(([, , digest]) => digest).sort(), [amd64, workerDigest].sort());
    const registry = openRegistry({ host: target.host, plainHttp: true });
    t.after(() => registry.close());
    for (const [, repository = '', digest = ''] of pulled) await registry.fetchManifest(repository, digest, { signal: t.signal });
  });
});

test('it stays as it is when the target asks for all its platforms, and when another image of the bundle needs that digest', async (t) => {
  const { host, folder, apiDigest, images, build, locked, platforms } = await pinnedShop(t);
  await platforms('linux/amd64', 'linux/arm64');
  assertDone(await build());
  assert.equal((await locked()).get(images.api)?.digest, apiDigest);

  await writeFiles(folder, { 'bundle.yaml': specYaml(host, `images: { extra: ["${host}/shop/api@${apiDigest}"] }\n`) });
  assertDone(await build());
  assert.equal((await locked()).get(images.api)?.digest, apiDigest);
});

test('it stays as it is when a scan profile shows that the chart decides the digest', async (t) => {
  const { host, folder, apiDigest, images, build, locked } = await pinnedShop(t);
  const copy = podYaml('copy', `${host}/shop/api:1.0@${apiDigest}`);
  await writeFiles(folder, {
    'chart/templates/copy.yaml': `{{ if .Values.copy }}${copy}{{ end }}`,
    'bundle.yaml': specYaml(host).replace('{ path: chart } }', '{ path: chart }, scan: { copy: [{ inline: { copy: true } }] } }'),
  });
  assertDone(await build());
  assert.equal((await locked()).get(images.api)?.digest, apiDigest);
});
