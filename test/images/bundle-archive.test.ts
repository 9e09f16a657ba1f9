import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { type ArchivedImage, openArchivedImage, parseArchiveName } from '../../images/archive/oci-archive.ts';
import { endSize, paddedSize, tarHeader } from '../../images/bundle/tar-header.ts';
import { readImageTree } from '../../images/plan/image-tree.ts';
import { formatReference } from '../../images/reference.ts';
import { shopSamples, tempDir, writeShop } from './sample-bundle.ts';

const run = promisify(execFile);
const installer = 'registry.example/diolkos/installer:1';

test('the name of an archive ends at the first colon', () => {
  assert.deepEqual(parseArchiveName('oci-archive:a/b.tar'), { path: 'a/b.tar' });
  assert.deepEqual(parseArchiveName('oci-archive:b.tar:registry.example:5000/x:1'), {
    path: 'b.tar',
    image: 'registry.example:5000/x:1',
  });
  assert.equal(parseArchiveName('registry.example/x:1'), undefined);
});

test('the installer.tar of a bundle is an archive of that image alone, whose blobs are read in place', async (t) => {
  const samples = await shopSamples();
  const { file } = await writeShop(t, samples);
  const directory = await tempDir(t);
  await run('tar', ['-xf', file, '-C', directory, 'install']);
  const image = await opened(t, join(directory, 'install/installer.tar'));
  assert.equal(formatReference(image.reference), installer);
  const { manifests, blobs } = await treeOf(image, t);
  assert.deepEqual(
    manifests.map(({ descriptor }) => descriptor.digest),
    samples.images[3]?.manifests.map(({ descriptor }) => descriptor.digest),
  );
  for (const descriptor of blobs) {
    const chunks: Buffer[] = [];
    await image.located.registry.pullBlob(
      '',
      descriptor,
      { write: async (chunk) => void chunks.push(Buffer.from(chunk)) },
      {
        signal: t.signal,
      },
    );
    assert.ok(Buffer.concat(chunks).equals(samples.blobs.get(descriptor.digest) ?? Buffer.alloc(0)));
  }
});

test('a bundle is an OCI archive of several images, one of which must be chosen', async (t) => {
  const { file } = await writeShop(t);
  await assert.rejects(open(t, file), { code: 'REFERENCE_INVALID', message: /holds 4 images.*docker.io\/library\/web:2/ });
  await assert.rejects(open(t, file, 'absent:1'), { code: 'REFERENCE_INVALID', message: /has no image absent:1/ });
  assert.equal(formatReference((await opened(t, file, 'web:2')).reference), 'docker.io/library/web:2');
});

test('an archive that another tar program packed is read, and an image without a name gets one', async (t) => {
  const directory = await layoutDirectory(t);
  const index = JSON.parse(await readFile(join(directory, 'index.json'), 'utf8'));
  for (const manifest of index.manifests) delete manifest.annotations;
  await writeFile(join(directory, 'index.json'), JSON.stringify(index));
  const packed = join(await tempDir(t), 'again.tar');
  await run('tar', ['--format=pax', '-cf', packed, '-C', directory, '.']);
  await assert.rejects(open(t, packed), { code: 'REFERENCE_INVALID', message: /has no name/ });
  const image = await opened(t, packed, 'registry.example/named:2');
  assert.equal(formatReference(image.reference), 'registry.example/named:2');
  assert.equal((await treeOf(image, t)).manifests.length, 3);
});

test('a blob with another byte is refused when it is pulled', async (t) => {
  const directory = await tempDir(t);
  const { file } = await writeShop(t);
  await run('tar', ['-xf', file, '-C', directory, 'install']);
  const path = join(directory, 'install/installer.tar');
  const image = await opened(t, path);
  const { blobs } = await treeOf(image, t);
  const [blob] = [...blobs].sort((a, b) => b.size - a.size);
  assert.ok(blob);
  const bytes = await readFile(path);
  const at = bytes.lastIndexOf(`blobs/sha256/${blob.digest.slice(7)}`) + 512;
  bytes.writeUInt8(bytes.readUInt8(at + 100) ^ 1, at + 100);
  await writeFile(path, bytes);
  const pulled = image.located.registry.pullBlob('', blob, { write: async () => undefined }, { signal: t.signal });
  await assert.rejects(pulled, { code: 'DIGEST_MISMATCH' });
});

test('an archive cut at any block is refused', async (t) => {
  const directory = await layoutDirectory(t);
  const whole = join(await tempDir(t), 'whole.tar');
  await run('tar', ['-cf', whole, '-C', directory, 'index.json', 'blobs', 'oci-layout']);
  const bytes = await readFile(whole);
  const end = bytes.lastIndexOf('imageLayoutVersion');
  for (let size = 0; size < end; size += 512) {
    await writeFile(whole, bytes.subarray(0, size));
    await assert.rejects(open(t, whole), { code: 'BUNDLE_INVALID' }, `cut at ${size}`);
  }
});

const digest = `sha256:${'a'.repeat(64)}`;
const layoutFile = fileOf('oci-layout', '{"imageLayoutVersion":"1.0.0"}');
const indexFile = (size: number) =>
  fileOf('index.json', JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: 'x', digest, size }] }));

const wrong: readonly {
  readonly name: string;
  readonly tar: readonly Buffer[];
  readonly code: string;
  readonly message: RegExp;
}[] = [
  { name: 'nothing', tar: [], code: 'BUNDLE_INVALID', message: /it is empty/ },
  { name: 'gzip', tar: [gzipSync('x')], code: 'BUNDLE_INVALID', message: /compressed with gzip/ },
  { name: 'no image', tar: [fileOf('manifest.json', '[]')], code: 'REFERENCE_INVALID', message: /holds no image/ },
  { name: 'no index.json', tar: [layoutFile], code: 'BUNDLE_INVALID', message: /it has no index.json/ },
  { name: 'two of a name', tar: [layoutFile, indexFile(1), indexFile(2)], code: 'BUNDLE_INVALID', message: /"index.json" twice/ },
  {
    name: 'an index.json of text',
    tar: [layoutFile, fileOf('index.json', 'hello')],
    code: 'MANIFEST_INVALID',
    message: /index.json/,
  },
  {
    name: 'an index.json of an array',
    tar: [layoutFile, fileOf('index.json', '[]')],
    code: 'MANIFEST_INVALID',
    message: /index.json/,
  },
  {
    name: 'an index.json that is too large',
    tar: [layoutFile, fileOf('index.json', ' '.repeat(5 << 20))],
    code: 'MANIFEST_INVALID',
    message: /5242880 bytes/,
  },
];
for (const { name, tar, code, message } of wrong) {
  test(`an archive with ${name} is refused`, async (t) => {
    const path = join(await tempDir(t), 'wrong.tar');
    await writeFile(
      path,
      tar.length === 0 || tar[0]?.[0] === 0x1f ? Buffer.concat(tar) : Buffer.concat([...tar, Buffer.alloc(endSize)]),
    );
    await assert.rejects(open(t, path, 'x:1'), { code, message });
  });
}

test('an archive whose manifest is absent or another is refused when it is planned', async (t) => {
  const path = join(await tempDir(t), 'wrong.tar');
  await writeFile(path, Buffer.concat([layoutFile, indexFile(2)]));
  const absent = await opened(t, path, 'x:1');
  await assert.rejects(treeOf(absent, t), { code: 'BUNDLE_INVALID', message: /it has no blobs\/sha256\/aaa/ });
  await appendFile(path, fileOf(`blobs/sha256/${'a'.repeat(64)}`, '{}'));
  const other = await opened(t, path, 'x:1');
  await assert.rejects(treeOf(other, t), { code: 'DIGEST_MISMATCH' });
});

function fileOf(name: string, text: string): Buffer {
  const body = Buffer.alloc(paddedSize(text.length));
  body.write(text);
  return Buffer.concat([tarHeader(name, text.length), body]);
}

/** The installer's image layout, unpacked. */
async function layoutDirectory(t: TestContext): Promise<string> {
  const { file } = await writeShop(t);
  const directory = await tempDir(t);
  await run('tar', ['-xOf', file, 'install/installer.tar'], { encoding: 'buffer' }).then(({ stdout }) =>
    writeFile(join(directory, 'installer.tar'), stdout),
  );
  const layout = join(directory, 'layout');
  await run('sh', ['-ec', `mkdir ${layout}; tar -xf ${join(directory, 'installer.tar')} -C ${layout}`]);
  return layout;
}

function open(t: TestContext, path: string, image?: string): Promise<ArchivedImage> {
  return openArchivedImage({ path, ...(image === undefined ? {} : { image }) }, { signal: t.signal });
}

async function opened(t: TestContext, path: string, image?: string): Promise<ArchivedImage> {
  const archived = await open(t, path, image);
  t.after(() => archived.close());
  return archived;
}

async function treeOf({ located, reference }: ArchivedImage, t: TestContext) {
  const { registry, repository } = located;
  const fetch = (name: string) => registry.fetchManifest(repository, name, { signal: t.signal });
  const { descriptor } = await fetch(reference.tag ?? '');
  return readImageTree(descriptor, async ({ digest }) => (await fetch(digest)).bytes);
}
