import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';
import { endSize, paddedSize, tarHeader } from '../../images/bundle/tar-header.ts';
import { digestOf } from '../../images/digest.ts';
import { noise } from '../registries/sample-images.ts';
import { assertDone, assertFailed, runCli } from './cli.ts';
import { chartFiles, folderWith, registryOf, sha256Of, siteYaml, specYaml, tagsOf, writeFiles } from './workshop.ts';

/** What `docker save` writes of images that were built here. */
function dockerSave(images: Readonly<Record<string, string>>): Buffer {
  const files: Record<string, Buffer> = {};
  const items = Object.entries(images).map(([tag, seed]) => {
    const layer = noise(seed, 20_000);
    const config = Buffer.from(
      JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [digestOf(layer)] } }),
    );
    files[`${seed}/layer.tar`] = layer;
    files[`${seed}.json`] = config;
    return { Config: `${seed}.json`, RepoTags: [tag], Layers: [`${seed}/layer.tar`] };
  });
  files['manifest.json'] = Buffer.from(JSON.stringify(items));
  const entries = Object.entries(files).map(([name, body]) =>
    Buffer.concat([tarHeader(name, body.length), body, Buffer.alloc(paddedSize(body.length) - body.length)]),
  );
  return Buffer.concat([...entries, Buffer.alloc(endSize)]);
}

/** A chart that runs an image which is in no registry, and the archive that has it. */
async function archiveShop(t: TestContext, extra: string, image = 'shop/local:1'): Promise<string> {
  const spec = specYaml('registry.invalid', `images: { extra: [${extra}] }\n`);
  const saved = dockerSave({ 'shop/local:1': 'local', 'shop/tool:2': 'tool' });
  return await folderWith(t, { ...chartFiles([image]), 'bundle.yaml': spec, 'saved/images.tar': saved });
}

const build = (folder: string, ...flags: readonly string[]) =>
  runCli(['build', 'bundle.yaml', '-o', 'shop.tar', ...flags], { folder });

test('images that were built here travel from what docker saved, and no registry is asked', async (t) => {
  const folder = await archiveShop(t, '{ archive: saved/images.tar }');
  assertDone(await build(folder));
  const [lock] = parseYaml11(await readFile(join(folder, 'bundle.lock.yaml'), 'utf8')) as { images: Record<string, unknown>[] }[];
  assert.deepEqual(
    lock?.images.map(({ reference, archive, class: found, mode, platforms }) => [reference, archive, found, mode, platforms]),
    [
      ['docker.io/shop/local:1', 'saved/images.tar', 'used', 'complete', ['linux/amd64']],
      ['docker.io/shop/tool:2', 'saved/images.tar', 'extra', 'complete', ['linux/amd64']],
    ],
  );
  assert.deepEqual(
    lock?.images.map(({ source, digest }) => source === digest),
    [true, true],
  );
  assertDone(await runCli(['verify', 'shop.tar'], { folder }));
  const told = assertDone(await runCli(['inspect', 'shop.tar'], { folder }));
  assert.match(told, /^from an archive: docker\.io\/shop\/local:1 \(saved\/images\.tar\)$/m);
  const target = await registryOf(t);
  await writeFiles(folder, { 'site.yaml': siteYaml(target.host) });
  assertDone(await runCli(['push', 'shop.tar', '--site', 'site.yaml'], { folder }));
  assert.deepEqual(tagsOf(target), ['charts/shop:1.0.0', 'docker.io/shop/local:1', 'docker.io/shop/tool:2']);
});

test('a locked build from an archive gives the same bytes, and fails when the archive has other images', async (t) => {
  const folder = await archiveShop(t, '{ archive: saved/images.tar }');
  assertDone(await build(folder));
  const first = await sha256Of(join(folder, 'shop.tar'));
  assertDone(await build(folder, '--locked'));
  assert.equal(await sha256Of(join(folder, 'shop.tar')), first);
  await writeFile(join(folder, 'saved/images.tar'), dockerSave({ 'shop/local:1': 'changed', 'shop/tool:2': 'tool' }));
  assertFailed(await build(folder, '--locked'), {
    error: 'REGISTRY_NOT_FOUND',
    says: ['saved/images.tar', 'build once without --locked'],
  });
});

test('one image of an archive is chosen, and one that is alone gets the name the chart knows', async (t) => {
  const folder = await archiveShop(t, '{ archive: saved/images.tar, image: "shop/local:1" }');
  assertDone(await build(folder));
  const held = JSON.parse(assertDone(await runCli(['inspect', 'shop.tar', '--format', 'json'], { folder })));
  assert.deepEqual(
    held.images.map(({ reference }: { reference: string }) => reference),
    ['docker.io/shop/local:1'],
  );
  const other = await archiveShop(t, '{ archive: saved/one.tar, image: "registry.example/api:7" }', 'registry.example/api:7');
  await writeFile(join(other, 'saved/one.tar'), dockerSave({ 'app:latest': 'app' }));
  assertDone(await build(other));
});

const wrong: readonly {
  readonly name: string;
  readonly extra: string;
  readonly error: string;
  readonly says: readonly string[];
  readonly platforms?: string;
}[] = [
  {
    name: 'an archive that is not there',
    extra: '{ archive: saved/gone.tar }',
    error: 'FILE_UNREADABLE',
    says: ['gone.tar', 'there is no such file', 'relative to the spec'],
  },
  {
    name: 'an image that it does not have',
    extra: '{ archive: saved/images.tar, image: "other:1" }',
    error: 'REFERENCE_INVALID',
    says: ['has no image other:1', 'shop/local:1, shop/tool:2'],
  },
  {
    name: 'the same image twice',
    extra: '{ archive: saved/images.tar }, { archive: saved/images.tar, image: "shop/tool:2" }',
    error: 'NAME_COLLISION',
    says: ['docker.io/shop/tool:2', 'saved/images.tar'],
  },
  {
    name: 'a name that is none',
    extra: '{ archive: saved/images.tar, image: "NO NAME" }',
    error: 'REFERENCE_INVALID',
    says: ['bundle.yaml image of saved/images.tar', 'NO NAME'],
  },
  {
    name: 'a chart, which is no image',
    extra: '{ archive: chart }',
    error: 'BUNDLE_INVALID',
    says: ['no archive of images', 'docker save'],
  },
  {
    name: 'another field',
    extra: '{ archive: a, name: b }',
    error: 'SPEC_INVALID',
    says: ['images.extra[0]', 'expected text or { archive, image? }'],
  },
];
for (const { name, extra, error, says } of wrong) {
  test(`a spec with ${name} is refused`, async (t) => {
    assertFailed(await build(await archiveShop(t, extra)), { error, says });
  });
}

test('an image for another platform is refused, as one of a registry is', async (t) => {
  const folder = await archiveShop(t, '{ archive: saved/images.tar }');
  const spec = await readFile(join(folder, 'bundle.yaml'), 'utf8');
  await writeFile(
    join(folder, 'bundle.yaml'),
    spec.replace('kubernetes: ["1.36"]', 'kubernetes: ["1.36"], platforms: [linux/arm64]'),
  );
  assertFailed(await build(folder), { error: 'PLATFORM_MISSING', says: ['docker.io/shop/local:1', 'linux/arm64'] });
});
