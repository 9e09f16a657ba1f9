import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, open, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { BundleJson } from '../../bundle-spec/bundle-json.ts';
import { checksumOf } from '../../images/bundle/bundle-layout.ts';
import { type BundleFile, openBundle } from '../../images/bundle/bundle-reader.ts';
import { blockSize, endSize, paddedSize, tarHeader } from '../../images/bundle/tar-header.ts';
import { findDamage, verifyBundle } from '../../images/bundle/verify-bundle.ts';
import { canonicalJson } from '../../images/canonical-json.ts';
import { collected, sampleChart, tempDir, tinySamples, writeShop } from './sample-bundle.ts';

const run = promisify(execFile);

test('a bundle that nothing happened to is whole', async (t) => {
  const { file, layout } = await writeShop(t);
  for (const full of [false, true]) {
    assert.deepEqual(await verifyBundle(file, { full, signal: t.signal }), {
      full,
      images: 4,
      charts: 1,
      blobs: layout.blobs.size,
      absent: 0,
      bytes: layout.size,
    });
  }
});

test('blobs stream in blocks of at least 1 MiB, many at once', async (t) => {
  const { file } = await writeShop(t);
  const bundle = await opened(t, file);
  const [large] = [...bundle.blobs.values()].sort((a, b) => b.size - a.size);
  assert.ok(large);
  const streams = Array.from({ length: 8 }, () => collected(bundle.streamBlob(large.digest, { signal: t.signal })));
  for (const blocks of await Promise.all(streams)) {
    assert.deepEqual(
      blocks.map((block) => block.length),
      [1 << 20, 1 << 20, large.size - (2 << 20)],
    );
  }
});

test('a stream that is left early lets the bundle be closed', async (t) => {
  const { file } = await writeShop(t);
  const bundle = await openBundle(file, { signal: t.signal });
  const [large] = [...bundle.blobs.values()].sort((a, b) => b.size - a.size);
  assert.ok(large);
  for await (const block of bundle.streamBlob(large.digest, { signal: t.signal })) if (block.length > 0) break;
  await bundle.close();
});

test('a bundle cut at any block is truncated, and says how much is missing', async (t) => {
  const { file } = await writeShop(t, await tinySamples());
  const whole = await readFile(file);
  const cut = join(await tempDir(t), 'cut.tar');
  for (let size = blockSize; size < whole.length; size += blockSize) {
    await writeFile(cut, whole.subarray(0, size));
    await assert.rejects(
      openBundle(cut, { signal: t.signal }),
      { code: 'BUNDLE_INVALID', message: / is truncated: .*missing/ },
      `${size}`,
    );
  }
  await truncate(cut, whole.length - 1);
  await assert.rejects(openBundle(cut, { signal: t.signal }), { message: new RegExp(`: 1 of ${whole.length} bytes`) });
});

test('one flipped byte is found, wherever it is', async (t) => {
  const { file } = await writeShop(t, await tinySamples());
  const bundle = await opened(t, file);
  const regions = bundle.parts.flatMap(({ name, size, position }) => [
    { name: `the name in the header of ${name}`, at: position - blockSize },
    { name: `the unused end of the header of ${name}`, at: position - 1 },
    { name: `the first byte of ${name}`, at: position },
    { name: `the last byte of ${name}`, at: position + size - 1 },
    ...(size % blockSize === 0 ? [] : [{ name: `the padding of ${name}`, at: position + paddedSize(size) - 1 }]),
  ]);
  const ends = Array.from({ length: 2 }, (_, index) => ({ name: 'the end', at: bundle.size - endSize * index - 1 + index }));
  for (const { name, at } of [...regions, ...ends]) {
    await flip(file, at);
    await assert.rejects(verifyBundle(file, { full: true, signal: t.signal }), { name: 'BundleError' }, name);
    await flip(file, at);
  }
  await verifyBundle(file, { full: true, signal: t.signal });
});

test('no change of a few bytes does more than be found', async (t) => {
  const { file } = await writeShop(t, await tinySamples());
  const whole = await readFile(file);
  const spoilt = join(await tempDir(t), 'spoilt.tar');
  const change = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) });
  const property = fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async (changes) => {
    const bytes = Buffer.from(whole);
    for (const { at, byte } of changes) bytes.writeUInt8(byte, at);
    await writeFile(spoilt, bytes);
    const verified = verifyBundle(spoilt, { full: true, signal: t.signal });
    await (bytes.equals(whole) ? verified : assert.rejects(verified, { name: 'BundleError' }));
  });
  await fc.assert(property, { numRuns: 60 });
});

test('all damage is listed with what it hurts', async (t) => {
  const { file } = await writeShop(t);
  const bundle = await opened(t, file);
  const [large] = [...bundle.blobs.values()].sort((a, b) => b.size - a.size);
  const chart = bundle.blobs.get(sampleChart.layer.descriptor.digest);
  assert.ok(large && chart);
  for (const part of [large, chart]) await flip(file, part.position + 1);
  assert.deepEqual(await findDamage(bundle, { full: false, signal: t.signal }), []);
  const what = 'its bytes are not what was written';
  const found = [
    { where: large.name, what, hurts: ['registry.example/shop/api:1', 'docker.io/library/api-too:1'] },
    { where: chart.name, what, hurts: ['chart shop 1.0.0+1'] },
  ];
  const expected = found.sort((a, b) => (a.where < b.where ? -1 : 1));
  assert.deepEqual(await findDamage(bundle, { full: true, signal: t.signal }), expected);
  await assert.rejects(verifyBundle(file, { full: true, signal: t.signal }), {
    code: 'BUNDLE_DAMAGED',
    message: /needed by chart shop/,
  });
  await assert.rejects(bundle.readBlob(chart.digest, { signal: t.signal }), { code: 'BUNDLE_DAMAGED' });
});

test('a damaged manifest hurts its image without the blobs being read', async (t) => {
  const { file } = await writeShop(t);
  const bundle = await opened(t, file);
  const image = bundle.json.images[0];
  const part = image && bundle.blobs.get(image.digest);
  assert.ok(part);
  await flip(file, part.position + 5);
  const [first] = await findDamage(bundle, { full: false, signal: t.signal });
  assert.equal(first?.where, image?.reference);
});

test('bytes behind the end are told', async (t) => {
  const { file } = await writeShop(t, await tinySamples());
  await writeFile(file, 'more', { flag: 'a' });
  await assert.rejects(verifyBundle(file, { full: false, signal: t.signal }), {
    code: 'BUNDLE_DAMAGED',
    message: /4 bytes follow/,
  });
});

const foreign: readonly {
  readonly name: string;
  readonly make: (bundle: Buffer) => Buffer | string;
  readonly message: RegExp;
}[] = [
  { name: 'an empty file', make: () => '', message: /is empty/ },
  { name: 'a gzipped bundle', make: gzipSync, message: /compressed with gzip/ },
  { name: 'a text', make: () => 'hello\n'.repeat(1000), message: /is no tar/ },
  { name: 'a tar of something else', make: () => tarOf('hello'), message: /a tar of something else/ },
  { name: 'an OCI archive', make: () => tarOf('blobs/sha256/ab', 'index.json', 'oci-layout'), message: /is an OCI archive/ },
  {
    name: 'a docker archive',
    make: () => tarOf('ab/layer.tar', 'manifest.json', 'repositories'),
    message: /is a docker archive/,
  },
  { name: 'a bundle packed anew', make: () => tarOf('oci-layout', 'bundle.json'), message: /packed it anew/ },
  { name: 'a foreign bundle.json', make: () => tarOf('bundle.json'), message: /is no bundle/ },
  {
    name: 'a first header with nothing behind it',
    make: () => tarHeader('bundle.json', 1 << 30),
    message: /claims 1073741824 bytes/,
  },
];
for (const { name, make, message } of foreign) {
  test(`${name} is named for what it is`, async (t) => {
    const { file } = await writeShop(t, await tinySamples());
    await writeFile(file, make(await readFile(file)));
    await assert.rejects(openBundle(file, { signal: t.signal }), { code: 'BUNDLE_INVALID', message });
  });
}

test('what docker save and GNU tar write is named for what it is', async (t) => {
  const directory = await tempDir(t);
  await run('sh', ['-ec', 'echo {} >manifest.json; tar -cf docker.tar ./manifest.json'], { cwd: directory });
  await assert.rejects(openBundle(join(directory, 'docker.tar'), { signal: t.signal }), { message: /docker archive/ });
});

test('a file that cannot be read is told from one that is no bundle', async (t) => {
  const directory = await tempDir(t);
  const signal = t.signal;
  await assert.rejects(openBundle(join(directory, 'absent.tar'), { signal }), {
    code: 'FILE_UNREADABLE',
    message: /no such file/,
  });
  await mkdir(join(directory, 'shop.tar'));
  await assert.rejects(openBundle(join(directory, 'shop.tar'), { signal }), {
    code: 'BUNDLE_INVALID',
    message: /is a directory/,
  });
});

const zeros = `sha256:${'0'.repeat(64)}` as const;
const lies: readonly { readonly name: string; readonly change: (json: BundleJson) => unknown; readonly message: RegExp }[] = [
  { name: 'a newer apiVersion', change: () => ({ apiVersion: 'diolkos.dev/v2' }), message: /newer diolkos/ },
  {
    name: 'an unknown member',
    change: () => ({ more: 1 }),
    message: /is no bundle: its bundle.json is wrong at its top: .*more/,
  },
  { name: 'a negative size', change: () => ({ blobs: [[zeros, -1]] }), message: /wrong at blobs.0.1/ },
  { name: 'a size beyond the end', change: () => ({ blobs: [[zeros, 2 ** 52]] }), message: /is truncated/ },
  { name: 'a digest of another algorithm', change: () => ({ blobs: [['sha512:00', 1]] }), message: /wrong at blobs.0.0/ },
  { name: 'a blob listed twice', change: ({ blobs }) => ({ blobs: [...blobs, blobs.at(-1)] }), message: /twice or out of order/ },
  {
    name: 'an entry listed twice',
    change: ({ entries }) => ({ entries: [...entries, entries[0]] }),
    message: /lists an entry "oci-layout"/,
  },
  {
    name: 'an entry that leaves the directory',
    change: () => ({ entries: [{ name: 'install/../../x', size: 0, digest: zeros }] }),
    message: /lists an entry "install\/\.\.\/\.\.\/x"/,
  },
];
for (const { name, change, message } of lies) {
  test(`a bundle.json with ${name} is refused`, async (t) => {
    const { file } = await writeShop(t, await tinySamples());
    const bundle = await opened(t, file);
    await writeFile(file, forged({ ...bundle.json, ...(change(bundle.json) as object) }));
    await assert.rejects(openBundle(file, { signal: t.signal }), { code: 'BUNDLE_INVALID', message });
  });
}

test('a bundle.json that was changed without its checksum is damaged', async (t) => {
  const { file } = await writeShop(t, await tinySamples());
  const bundle = await opened(t, file);
  const at = (await readFile(file)).indexOf(bundle.json.tool);
  await flip(file, at);
  await assert.rejects(openBundle(file, { signal: t.signal }), { code: 'BUNDLE_DAMAGED', message: /bundle.json/ });
});

/** The beginning of a bundle with this bundle.json and its right checksum. */
function forged(json: unknown): Buffer {
  const bytes = canonicalJson(json);
  const checksum = checksumOf({ name: 'bundle.json', bytes });
  const padding = (body: Buffer) => Buffer.alloc(paddedSize(body.length) - body.length);
  const front = [tarHeader('bundle.json', bytes.length), bytes, padding(bytes)];
  return Buffer.concat([...front, tarHeader('bundle.json.sha256', checksum.length), checksum, padding(checksum)]);
}

function tarOf(...names: readonly string[]): Buffer {
  return Buffer.concat([...names.map((name) => tarHeader(name, 0)), Buffer.alloc(endSize)]);
}

async function opened(t: TestContext, file: string): Promise<BundleFile> {
  const bundle = await openBundle(file, { signal: t.signal });
  t.after(() => bundle.close());
  return bundle;
}

async function flip(file: string, at: number): Promise<void> {
  const handle = await open(file, 'r+');
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at);
  await handle.write(Buffer.from([buffer.readUInt8(0) ^ 0x10]), 0, 1, at);
  await handle.close();
}
