import assert from 'node:assert/strict';
import { mkdir, open, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Archive, openArchive } from '../../images/archive/open-archive.ts';
import { endSize, paddedSize, tarHeader } from '../../images/bundle/tar-header.ts';
import { digestOf } from '../../images/digest.ts';
import { planImage } from '../../images/plan/image-plan.ts';
import { formatReference } from '../../images/reference.ts';
import { openTransfers } from '../../images/transfer/transfers.ts';
import { noise, sampleImage, sampleIndex } from '../registries/sample-images.ts';
import { tempDir } from './sample-bundle.ts';

type Files = Readonly<Record<string, Buffer | { readonly link: string } | { readonly hardLink: string }>>;

const hexOf = (bytes: Buffer): string => digestOf(bytes).slice('sha256:'.length);

/** An image as docker has it: layers and a config with their digests. */
function dockerImage(seed: string, layers: readonly Buffer[], platform = { os: 'linux', architecture: 'amd64' }) {
  const config = Buffer.from(JSON.stringify({ ...platform, seed, rootfs: { type: 'layers', diff_ids: layers.map(digestOf) } }));
  return { config, layers };
}

const shared = noise('shared layer', 90_000);
const api = dockerImage('api', [shared, noise('api layer', 3_000)]);
const web = dockerImage('web', [shared]);

/** `docker save` before 25: folders with layer.tar; a layer that two images share is a link in the second. */
function oldDocker(
  items: readonly { readonly Config: string; readonly RepoTags: string[] | null; readonly Layers: string[] }[],
): Files {
  return {
    'one/VERSION': Buffer.from('1.0'),
    'one/layer.tar': shared,
    'two/layer.tar': api.layers[1] ?? shared,
    'three/layer.tar': { link: '../one/layer.tar' },
    [`${hexOf(api.config)}.json`]: api.config,
    [`${hexOf(web.config)}.json`]: web.config,
    'manifest.json': Buffer.from(JSON.stringify(items)),
    repositories: Buffer.from('{}'),
  };
}

const apiItem = {
  Config: `${hexOf(api.config)}.json`,
  RepoTags: ['shop/api:1', 'shop/api:latest'],
  Layers: ['one/layer.tar', 'two/layer.tar'],
};
const webItem = { Config: `${hexOf(web.config)}.json`, RepoTags: ['registry.example:5000/web:2'], Layers: ['three/layer.tar'] };
const docker = oldDocker([apiItem, webItem]);

test('all images of a docker archive travel, under all their names, their layers byte for byte', async (t) => {
  const archive = await opened(t, await tarOf(t, docker));
  assert.deepEqual(namesOf(archive), ['docker.io/shop/api:1', 'docker.io/shop/api:latest', 'registry.example:5000/web:2']);
  const plans = await plansOf(t, archive);
  assert.deepEqual(
    plans.map(({ blobs }) => blobs.map(({ digest, mediaType }) => `${digest} ${mediaType.replace(/.*oci\.image\./, '')}`)),
    [api, api, web].map(({ config, layers }) => [
      `${digestOf(config)} config.v1+json`,
      ...layers.map((layer) => `${digestOf(layer)} layer.v1.tar`),
    ]),
  );
  assert.deepEqual(plans[0]?.platforms, ['linux/amd64']);
  assert.equal(plans[0]?.source, plans[1]?.source);
  await assertPulls(t, plans);
});

test('the same docker archive gives the same digests, in whatever order it is packed', async (t) => {
  const again = Object.fromEntries(Object.entries(docker).toReversed());
  const sources = async (files: Files) => (await plansOf(t, await opened(t, await tarOf(t, files)))).map(({ source }) => source);
  assert.deepEqual(await sources(docker), await sources(again));
});

test('a layer of a docker archive that is compressed keeps its bytes and gets the digest of them', async (t) => {
  const packed = gzipSync(shared);
  const files = {
    'c.json': web.config,
    'l.tar.gz': packed,
    'manifest.json': json([{ Config: 'c.json', RepoTags: ['x:1'], Layers: ['l.tar.gz'] }]),
  };
  const plans = await plansOf(t, await opened(t, await tarOf(t, files)));
  assert.deepEqual(plans[0]?.blobs[1], {
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    digest: digestOf(packed),
    size: packed.length,
  });
  await assertPulls(t, plans);
});

for (const { name, image, expected } of [
  { name: 'by its name', image: 'shop/api:latest', expected: 'docker.io/shop/api:latest' },
  { name: 'by its canonical name', image: 'docker.io/shop/api:1', expected: 'docker.io/shop/api:1' },
]) {
  test(`one image of several is chosen ${name}`, async (t) => {
    assert.deepEqual(namesOf(await opened(t, await tarOf(t, docker), image)), [expected]);
  });
}

test('an image that is alone in its archive is called what the spec says', async (t) => {
  for (const RepoTags of [['app:latest'], null]) {
    const file = await tarOf(t, oldDocker([{ ...apiItem, RepoTags }]));
    assert.deepEqual(namesOf(await opened(t, file, 'registry.example/shop/app:7')), ['registry.example/shop/app:7']);
  }
  assert.deepEqual(namesOf(await opened(t, await tarOf(t, oldDocker([{ ...apiItem, RepoTags: ['app:latest'] }])))), [
    'docker.io/library/app:latest',
  ]);
});

test('links that pax headers, hard links and chains of them make are followed', async (t) => {
  const files: Files = {
    'c.json': web.config,
    'layers/real.tar': shared,
    'a/first.tar': { link: '../b/second.tar' },
    'b/second.tar': { hardLink: 'layers/real.tar' },
    'manifest.json': json([{ Config: 'c.json', RepoTags: ['x:1'], Layers: ['a/first.tar'] }]),
  };
  await assertPulls(t, await plansOf(t, await opened(t, await tarOf(t, files))));
});

/** An image layout, as `oci:` and docker from 25 on write it. */
function layout(platforms: readonly string[], annotations: object): Files {
  const { root, manifests, blobs } = sampleIndex(platforms, { seed: 'layout', layers: [4_000] });
  const all = [...manifests, ...blobs].map(
    ({ descriptor, bytes }) => [`blobs/sha256/${descriptor.digest.slice(7)}`, bytes] as const,
  );
  return {
    'oci-layout': json({ imageLayoutVersion: '1.0.0' }),
    'index.json': json({ schemaVersion: 2, manifests: [{ ...root.descriptor, annotations }] }),
    ...Object.fromEntries(all),
  };
}

const both = ['linux/amd64', 'linux/arm64'];
const dockerNames = { 'io.containerd.image.name': 'docker.io/shop/api:3', 'org.opencontainers.image.ref.name': '3' };

test('an image layout is read from a tar and from a directory alike, with every platform', async (t) => {
  const files = layout(both, dockerNames);
  for (const path of [await tarOf(t, files), await directoryOf(t, files)]) {
    const archive = await opened(t, path);
    assert.deepEqual(namesOf(archive), ['docker.io/shop/api:3']);
    const [plan, ...none] = await plansOf(t, archive, both);
    assert.deepEqual([plan?.platforms, none], [both, []]);
    await assertPulls(t, plan === undefined ? [] : [plan]);
    await assert.rejects(plansOf(t, archive, ['linux/s390x']), { code: 'PLATFORM_MISSING', message: /shop\/api:3.*s390x/ });
  }
});

test('a layout that says only a tag has its image called by the spec', async (t) => {
  const file = await tarOf(t, layout(both, { 'org.opencontainers.image.ref.name': '3' }));
  await assert.rejects(opened(t, file), { code: 'REFERENCE_INVALID', message: /has no name/, hint: /image: registry.example/ });
  assert.deepEqual(namesOf(await opened(t, file, 'registry.example/api:3')), ['registry.example/api:3']);
});

test("skopeo's dir: is read, of one image and of an index", async (t) => {
  const { root, blobs } = sampleImage({ seed: 'dir', layers: [5_000] });
  const one = { version: Buffer.from('Directory Transport Version: 1.1\n'), 'manifest.json': root.bytes, ...byHex(blobs) };
  const index = sampleIndex(both, { seed: 'dirs', layers: [5_000] });
  const children = index.manifests
    .slice(0, -1)
    .map(({ descriptor, bytes }) => [`${descriptor.digest.slice(7)}.manifest.json`, bytes] as const);
  const many = { ...one, 'manifest.json': index.root.bytes, ...Object.fromEntries(children), ...byHex(index.blobs) };
  for (const [files, digest] of [
    [one, root.descriptor.digest],
    [many, index.root.descriptor.digest],
  ] as const) {
    const path = await directoryOf(t, files);
    await assert.rejects(opened(t, path), { code: 'REFERENCE_INVALID', message: /has no name/ });
    const plans = await plansOf(t, await opened(t, path, 'x:1'), files === many ? both : ['linux/amd64']);
    assert.equal(plans[0]?.stored.descriptor.digest, digest);
    await assertPulls(t, plans);
  }
});

const config = { 'c.json': web.config, 'l.tar': shared };
const item = { Config: 'c.json', RepoTags: ['x:1'], Layers: ['l.tar'] };
const hostile: readonly { readonly name: string; readonly files: Files; readonly code: string; readonly message: RegExp }[] = [
  {
    name: 'a link out of it',
    files: { ...config, 'l.tar': { link: '../../etc/passwd' }, 'manifest.json': json([item]) },
    code: 'BUNDLE_INVALID',
    message: /"l.tar", a link that points outside/,
  },
  {
    name: 'a link to an absolute name',
    files: { ...config, 'l.tar': { link: '/etc/passwd' }, 'manifest.json': json([item]) },
    code: 'BUNDLE_INVALID',
    message: /a link that points outside/,
  },
  {
    name: 'a hard link out of it',
    files: { ...config, 'l.tar': { hardLink: '../x' }, 'manifest.json': json([item]) },
    code: 'BUNDLE_INVALID',
    message: /a link that points outside/,
  },
  {
    name: 'a link to nothing',
    files: { ...config, 'l.tar': { link: 'gone.tar' }, 'manifest.json': json([item]) },
    code: 'BUNDLE_INVALID',
    message: /link to gone.tar, which it does not hold/,
  },
  {
    name: 'links in a circle',
    files: { ...config, 'l.tar': { link: 'm.tar' }, 'm.tar': { link: 'l.tar' }, 'manifest.json': json([item]) },
    code: 'BUNDLE_INVALID',
    message: /from link to link/,
  },
  {
    name: 'a layer that is absent',
    files: { ...config, 'manifest.json': json([{ ...item, Layers: ['gone.tar'] }]) },
    code: 'BUNDLE_INVALID',
    message: /it has no gone.tar/,
  },
  {
    name: 'a config that is absent',
    files: { 'manifest.json': json([item]) },
    code: 'BUNDLE_INVALID',
    message: /it has no c.json/,
  },
  {
    name: 'more layers than diff ids',
    files: { ...config, 'manifest.json': json([{ ...item, Layers: ['l.tar', 'l.tar'] }]) },
    code: 'MANIFEST_INVALID',
    message: /a diff id for each of its 2 layers/,
  },
  {
    name: 'a config of text',
    files: { ...config, 'c.json': Buffer.from('hello'), 'manifest.json': json([item]) },
    code: 'MANIFEST_INVALID',
    message: /diff id/,
  },
  {
    name: 'a manifest.json of text',
    files: { 'manifest.json': Buffer.from('hello') },
    code: 'MANIFEST_INVALID',
    message: /its manifest.json is none/,
  },
  {
    name: 'names that are no references',
    files: { ...config, 'manifest.json': json([{ ...item, RepoTags: ['UPPER CASE:x'] }]) },
    code: 'REFERENCE_INVALID',
    message: /UPPER CASE/,
  },
  {
    name: 'something else',
    files: { 'hello.txt': Buffer.from('hello') },
    code: 'BUNDLE_INVALID',
    message: /it has no oci-layout and no manifest.json/,
  },
];
for (const { name, files, code, message } of hostile) {
  test(`a docker archive with ${name} is refused`, async (t) => {
    await assert.rejects(opened(t, await tarOf(t, files)), { code, message });
  });
}

test('an archive that is compressed as a whole is refused, with what to do', async (t) => {
  const file = await tarOf(t, docker);
  await writeFile(file, gzipSync(await readFile(file)));
  await assert.rejects(opened(t, file), { code: 'BUNDLE_INVALID', message: /compressed with gzip/, hint: /gunzip/ });
});

test('a layer whose bytes are not those of its diff id is refused when it is pulled', async (t) => {
  const files = { ...docker, 'two/layer.tar': noise('another layer', 3_000) };
  const plans = await plansOf(t, await opened(t, await tarOf(t, files)));
  await assert.rejects(assertPulls(t, plans), { code: 'DIGEST_MISMATCH' });
});

test('a directory is not left by links in it, and a pipe in it is not opened', async (t) => {
  const files = layout(both, dockerNames);
  const blob = Object.keys(files).find((name) => name.startsWith('blobs/')) ?? '';
  const outside = join(await tempDir(t), 'outside');
  await writeFile(outside, files[blob] as Buffer);
  const path = await directoryOf(t, { ...files, [blob]: { link: outside } });
  const plan = opened(t, path)
    .then((archive) => plansOf(t, archive, both))
    .then((plans) => assertPulls(t, plans));
  await assert.rejects(plan, { code: 'BUNDLE_INVALID', message: /a link that points outside of it/ });
  const inside = await directoryOf(t, {
    ...files,
    [blob]: { link: 'moved' },
    [join(dirname(blob), 'moved')]: files[blob] as Buffer,
  });
  await assertPulls(t, await plansOf(t, await opened(t, inside), both));
});

test('the digest of a lock that an archive no longer has is told as one to lock anew', async (t) => {
  const archive = await opened(t, await tarOf(t, docker), 'shop/api:1');
  const [image] = archive.images;
  assert.ok(image);
  const options = { platforms: ['linux/amd64'], signal: t.signal, locked: digestOf(Buffer.from('older')) };
  await assert.rejects(planImage(image.located, image.reference, options), { code: 'REGISTRY_NOT_FOUND' });
});

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function byHex(blobs: readonly { readonly descriptor: { readonly digest: string }; readonly bytes: Buffer }[]): Files {
  return Object.fromEntries(blobs.map(({ descriptor, bytes }) => [descriptor.digest.slice(7), bytes]));
}

async function tarOf(t: TestContext, files: Files): Promise<string> {
  const file = join(await tempDir(t), 'images.tar');
  const entries = Object.entries(files).map(([name, body]) => {
    if (Buffer.isBuffer(body))
      return Buffer.concat([tarHeader(name, body.length), body, Buffer.alloc(paddedSize(body.length) - body.length)]);
    return 'link' in body ? linkHeader(name, '2', body.link) : linkHeader(name, '1', body.hardLink);
  });
  await writeFile(file, Buffer.concat([...entries, Buffer.alloc(endSize)]));
  return file;
}

function linkHeader(name: string, type: string, target: string): Buffer {
  const header = tarHeader(name, 0);
  header.write(type, 156, 'latin1');
  header.write(target, 157, 'latin1');
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

async function directoryOf(t: TestContext, files: Files): Promise<string> {
  const folder = await tempDir(t);
  for (const [name, body] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    if (Buffer.isBuffer(body)) await writeFile(join(folder, name), body);
    else if ('link' in body) await symlink(body.link, join(folder, name));
  }
  return folder;
}

async function opened(t: TestContext, path: string, image?: string): Promise<Archive> {
  const transfers = openTransfers({ threads: 1 });
  t.after(() => transfers.close());
  const archive = await openArchive({ path, ...(image === undefined ? {} : { image }) }, { transfers, signal: t.signal });
  t.after(() => archive.close());
  return archive;
}

function namesOf({ images }: Archive): string[] {
  return images.map(({ reference }) => formatReference(reference));
}

function plansOf(t: TestContext, { images }: Archive, platforms: readonly string[] = ['linux/amd64']) {
  return Promise.all(images.map(({ reference, located }) => planImage(located, reference, { platforms, signal: t.signal })));
}

/** Every blob comes to a file by its threads, and in chunks, as its digest says. */
async function assertPulls(t: TestContext, plans: Awaited<ReturnType<typeof plansOf>>): Promise<void> {
  const file = join(await tempDir(t), 'out');
  for (const { located, blobs } of plans) {
    for (const descriptor of blobs) {
      const { registry, repository } = located;
      const handle = await open(file, 'w+');
      try {
        const places = [[{ fd: handle.fd, position: 7, size: descriptor.size }]];
        await registry.pullBlob(repository, descriptor, { places }, { signal: t.signal });
        assert.equal(digestOf((await readFile(file)).subarray(7, 7 + descriptor.size)), descriptor.digest);
        const chunks: Buffer[] = [];
        const write = async (chunk: Buffer) => void chunks.push(Buffer.from(chunk));
        await registry.pullBlob(repository, descriptor, { write }, { signal: t.signal });
        assert.equal(digestOf(Buffer.concat(chunks)), descriptor.digest);
      } finally {
        await handle.close();
      }
    }
  }
}
