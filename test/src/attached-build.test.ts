import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Lock } from '../../bundle-spec/lock.ts';
import { chartArtifact } from '../../images/bundle/chart-artifact.ts';
import { loadLock } from '../../src/lock-file.ts';
import { refusesAttestations } from '../registries/quirks/manifests.ts';
import { complaint } from '../registries/reply.ts';
import { attachedTypes, cosignTag, sampleReferrer, sampleSignature } from '../registries/sample-attached.ts';
import { heldJson, noise, type SampleImage, sampleImage, sampleIndex } from '../registries/sample-images.ts';
import { assertDone, assertFailed, runCli } from './cli.ts';
import { chartFiles, folderWith, registryOf, seed, sha256Of, siteYaml, specYaml, tagsOf, writeFiles } from './workshop.ts';

/** A registry with a signed image for two platforms, a Docker image, and a chart that is no image; a spec that ships them. */
async function signedShop(t: TestContext, images = '') {
  const registry = await registryOf(t);
  registry.store.referrersPage = 5;
  const { host } = registry;
  const api = await seed(registry, 'shop/api', '1.0', sampleIndex(['linux/amd64', 'linux/arm64'], { attested: true }));
  const amd64 = api.manifests[0] ?? api.root;
  const sbom = sampleReferrer(amd64, attachedTypes.sbom);
  const signature = sampleSignature(api.root);
  registry.store.putManifest('shop/api', sbom.root.descriptor.digest, {
    mediaType: sbom.root.descriptor.mediaType,
    bytes: sbom.root.bytes,
  });
  for (const { bytes } of [...sbom.blobs, ...signature.blobs]) registry.store.putBlob('shop/api', bytes);
  registry.store.putManifest('shop/api', cosignTag(api.root), {
    mediaType: signature.root.descriptor.mediaType,
    bytes: signature.root.bytes,
  });
  const docker = await seed(registry, 'shop/old', '1.0', sampleImage({ docker: true }));
  const { manifest, config, layer } = chartArtifact({ name: 'extra', version: '1.0.0' }, noise('extra', 2000));
  const chart: SampleImage = { root: manifest, manifests: [manifest], blobs: [config, layer] };
  await seed(registry, 'charts/extra', '1.0.0', chart);
  const extra = `images: { extra: ["${host}/charts/extra:1.0.0"]${images} }\n`;
  const folder = await folderWith(t, {
    ...chartFiles([`${host}/shop/api:1.0`, `${host}/shop/old:1.0`]),
    'bundle.yaml': specYaml(host, extra),
  });
  return { registry, folder, host, api, amd64, sbom, signature, docker, chart };
}

async function lockOf(folder: string, { signal }: TestContext): Promise<Lock> {
  return loadLock(join(folder, 'bundle.lock.yaml'), { signal });
}

test('signatures, Docker images and charts named as extra arrive with every digest of the source', async (t) => {
  const shop = await signedShop(t);
  const { folder, registry } = shop;
  const built = await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder });
  assertDone(built);
  assert.match(built.stderr, /2 artifacts that refer to them \(signatures, SBOMs\) travel too/);
  const lock = await lockOf(folder, t);
  const api = lock.images.find(({ reference }) => reference.endsWith('/shop/api:1.0'));
  assert.deepEqual(
    api?.attached?.map(({ subject, digest, artifactType, tag }) => [subject, digest, artifactType, tag]).sort(),
    [
      [shop.amd64.descriptor.digest, shop.sbom.root.descriptor.digest, attachedTypes.sbom, undefined],
      [
        shop.api.root.descriptor.digest,
        shop.signature.root.descriptor.digest,
        'application/vnd.oci.image.config.v1+json',
        cosignTag(shop.api.root),
      ],
    ].sort(),
  );
  assertDone(await runCli(['verify', 'shop.tar'], { folder }));

  await t.test('the lock brings the same bytes, though there is a newer signature', async () => {
    const first = await sha256Of(join(folder, 'shop.tar'));
    await seed(registry, 'shop/api', cosignTag(shop.api.root, '.att'), sampleSignature(shop.docker.root));
    assertDone(await runCli(['build', 'bundle.yaml', '-o', 'again.tar', '--locked'], { folder }));
    assert.equal(await sha256Of(join(folder, 'again.tar')), first);
    assertDone(await runCli(['build', 'bundle.yaml', '-o', 'newer.tar'], { folder }));
    assert.notEqual(await sha256Of(join(folder, 'newer.tar')), first);
  });

  await t.test('the registry of the site has them all', async () => {
    const target = await registryOf(t);
    await writeFiles(folder, { 'site.yaml': siteYaml(target.host) });
    const pushed = await runCli(['push', 'shop.tar', '--site', 'site.yaml'], { folder });
    assertDone(pushed);
    assert.match(pushed.stderr, /4 images and charts: 4 pushed, 0 present; 2 artifacts that refer to them;/);
    const path = [...target.store.repositories.keys()].find((name) => name.endsWith('/shop/api'))?.replace('/shop/api', '');
    const at = (repository: string, image: SampleImage) => {
      const { manifests, blobs } = target.store.repository(`${path}/${repository}`);
      return [
        ...image.manifests.map((one) => manifests.has(one.descriptor.digest)),
        ...image.blobs.map((one) => blobs.has(one.descriptor.digest)),
      ];
    };
    for (const [repository, image] of [
      ['shop/api', shop.sbom],
      ['shop/api', shop.signature],
      ['shop/old', shop.docker],
      ['charts/extra', shop.chart],
    ] as const) {
      assert.ok(at(repository, image).every(Boolean), repository);
    }
  });
});

const choices: readonly {
  readonly images: string;
  readonly mode: string;
  readonly attached: number;
  readonly attestations: number;
}[] = [
  { images: ', attached: none', mode: 'platform', attached: 0, attestations: 0 },
  { images: ', attached: signatures', mode: 'platform', attached: 1, attestations: 0 },
  { images: ', attestations: true', mode: 'stripped', attached: 2, attestations: 1 },
  { images: ', sparse: true', mode: 'sparse', attached: 2, attestations: 1 },
];
for (const { images, mode, attached, attestations } of choices) {
  test(`images: {${images.slice(1)} } stores the image as ${mode}`, async (t) => {
    const { folder, registry, api } = await signedShop(t, images);
    assertDone(await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder }));
    const locked = (await lockOf(folder, t)).images.find(({ reference }) => reference.endsWith('/shop/api:1.0'));
    assert.equal(locked?.mode, mode);
    assert.equal(locked?.attached?.length ?? 0, attached);
    assert.equal(locked?.digest === api.root.descriptor.digest, mode === 'sparse');
    const carried = api.manifests.slice(2, 4).filter(({ bytes }) => bytes.includes('in-toto'));
    const tar = (await readFile(join(folder, 'shop.tar'))).toString('latin1');
    const held = carried.filter(({ descriptor }) => tar.includes(`blobs/sha256/${descriptor.digest.slice(7)}`));
    assert.equal(held.length, attestations);
    const told = assertDone(await runCli(['inspect', 'shop.tar'], { folder }));
    assert.equal(new RegExp(`^with them: ${attached} artifacts? \\(signatures, `, 'm').test(told), attached > 0, told);
    assert.equal(/^without all platforms of the index: .*\/shop\/api:1\.0/m.test(told), mode === 'sparse', told);
    if (attached === 0) assert.ok(!registry.requests.some(({ url }) => url.includes('/referrers/') || url.includes('.sig')));
    assertDone(await runCli(['build', 'bundle.yaml', '-o', 'again.tar', '--locked'], { folder }));
    assert.equal(await sha256Of(join(folder, 'again.tar')), await sha256Of(join(folder, 'shop.tar')));
  });
}

const refusers = [
  ["Aliyun's ACR", 'unknown manifest class for application/vnd.in-toto+json'],
  ["Huawei's SWR", "Invalid image, fail to parse 'manifest.json'"],
] as const;
for (const [name, words] of refusers) {
  test(`${name} refuses attestations, and takes what is carried without them, which is the default`, async (t) => {
    const intercept = refusesAttestations(complaint(400, 'MANIFEST_INVALID', words));
    const push = async (images: string) => {
      const { folder } = await signedShop(t, `, attached: none${images}`);
      const target = await registryOf(t, { intercept });
      await writeFiles(folder, { 'site.yaml': siteYaml(target.host) });
      assertDone(await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder }));
      return { target, run: await runCli(['push', 'shop.tar', '--site', 'site.yaml'], { folder }) };
    };
    const { run, target } = await push('');
    assertDone(run);
    assert.ok(
      tagsOf(target).some((tag) => tag.endsWith('/shop/api:1.0')),
      tagsOf(target).join('\n'),
    );
    const refused = await push(', attestations: true');
    assertFailed(refused.run, { error: 'REGISTRY_FAILED', says: [words, 'images.attestations'] });
    assert.ok(!tagsOf(refused.target).some((tag) => tag.endsWith('/shop/api:1.0')));
  });
}

test('a layer that its registry does not serve is told, with the host that its urls name', async (t) => {
  const registry = await registryOf(t);
  const { host } = registry;
  const own = sampleImage({ seed: 'windows' });
  const layer = heldJson('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', { licence: 'elsewhere' }).descriptor;
  const { layers, ...manifest } = JSON.parse(own.root.bytes.toString());
  const urls = ['https://mcr.example/v2/windows/blobs/x'];
  const root = heldJson(own.root.descriptor.mediaType, { ...manifest, layers: [{ ...layer, urls }, ...layers] });
  for (const { bytes } of own.blobs) registry.store.putBlob('shop/win', bytes);
  registry.store.putManifest('shop/win', '1', { mediaType: root.descriptor.mediaType, bytes: root.bytes });
  const folder = await folderWith(t, { ...chartFiles([`${host}/shop/win:1`]), 'bundle.yaml': specYaml(host) });
  const run = await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder });
  assertDone(run);
  assert.match(run.stderr, /shop\/win:1: 1 layer left out, .*fetch it from mcr\.example, .*#foreign-layers/);
});
