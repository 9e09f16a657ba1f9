import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import type { Digest } from '../../bundle-spec/names.ts';
import { PartsJson } from '../../bundle-spec/parts-json.ts';
import type { BlobSource } from '../../images/blob-source.ts';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { digestOf } from '../../images/digest.ts';
import { type WriteOptions, writeBundle } from '../../images/output/bundle-writer.ts';
import { parseVolumeSize } from '../../images/output/volume-size.ts';
import { memorySources, planShop, type Samples, shopSamples, tempDir, writeShop } from './sample-bundle.ts';

const run = promisify(execFile);
const volumeSize = 1_000_001;

async function write(t: TestContext, output: string, samples: Samples, options: Partial<WriteOptions> = {}): Promise<number> {
  let pulled = 0;
  const count = (source: BlobSource): BlobSource => ({
    pull: (...request) => {
      pulled += 1;
      return source.pull(...request);
    },
  });
  const sources = new Map([...memorySources(samples)].map(([digest, source]) => [digest, count(source)]));
  await writeBundle(planShop(samples), output, { sources, signal: t.signal, volumeSize, ...options });
  return pulled;
}

async function joined(directory: string): Promise<Buffer> {
  const names = (await readdir(directory)).filter((name) => /^shop\.tar\.\d{3}$/.test(name)).sort();
  return Buffer.concat(await Promise.all(names.map((name) => readFile(join(directory, name)))));
}

const listed = ['shop.tar.001', 'shop.tar.002', 'shop.tar.003', 'shop.tar.parts.json', 'shop.tar.sha256'];

test('volumes are the raw ranges of the one file, with their sums, and parts.json names them', async (t) => {
  const samples = await shopSamples();
  const directory = await tempDir(t);
  await write(t, join(directory, 'shop.tar'), samples);
  const whole = await readFile((await writeShop(t, samples)).file);
  assert.deepEqual(await readdir(directory), listed);
  assert.ok((await joined(directory)).equals(whole));
  const { stdout } = await run('sha256sum', ['--check', '--strict', 'shop.tar.sha256'], { cwd: directory });
  assert.equal(stdout, 'shop.tar.001: OK\nshop.tar.002: OK\nshop.tar.003: OK\n');
  const parts = PartsJson.parse(JSON.parse(await readFile(join(directory, 'shop.tar.parts.json'), 'utf8')));
  assert.deepEqual([parts.name, parts.size], ['shop.tar', whole.length]);
  assert.deepEqual(
    parts.parts.map(({ name, size }) => [name, size]),
    [
      ['shop.tar.001', volumeSize],
      ['shop.tar.002', volumeSize],
      ['shop.tar.003', whole.length - 2 * volumeSize],
    ],
  );
  const bundle = await openBundle(join(directory, 'shop.tar.parts.json'), { signal: t.signal });
  t.after(() => bundle.close());
  assert.equal(bundle.parts[0]?.digest, parts.bundleJson);
  for (const [digest, bytes] of samples.blobs) assert.ok((await bundle.readBlob(digest, { signal: t.signal })).equals(bytes));
});

test('volumes that were cut are continued', async (t) => {
  const samples = await shopSamples();
  const directory = await tempDir(t);
  const output = join(directory, 'shop.tar');
  await cut(output, samples);
  assert.deepEqual(await readdir(directory), [
    ...listed.slice(0, 3).map((name) => `${name}.partial`),
    'shop.tar.partial.journal',
  ]);
  assert.equal(await write(t, output, samples), samples.blobs.size - 3);
  assert.deepEqual(await readdir(directory), listed);
  assert.ok((await joined(directory)).equals(await readFile((await writeShop(t, samples)).file)));
});

test('volumes of another size are filled from those that were cut', async (t) => {
  const samples = await shopSamples();
  const directory = await tempDir(t);
  const output = join(directory, 'shop.tar');
  await cut(output, samples);
  assert.equal(await write(t, output, samples, { volumeSize: 1_500_000 }), samples.blobs.size - 3);
  assert.deepEqual(await readdir(directory), ['shop.tar.001', 'shop.tar.002', 'shop.tar.parts.json', 'shop.tar.sha256']);
  assert.ok((await joined(directory)).equals(await readFile((await writeShop(t, samples)).file)));
});

test('a kill while the volumes get their names costs no blob', async (t) => {
  const samples = await shopSamples();
  const directory = await tempDir(t);
  const output = join(directory, 'shop.tar');
  await cut(output, samples, samples.blobs.size);
  const journal = await readFile(`${output}.partial.journal`, 'utf8');
  await write(t, output, samples);
  await rename(`${output}.003`, `${output}.003.partial`);
  await rm(`${output}.parts.json`);
  await writeFile(`${output}.partial.journal`, `${journal}{"publishing":true}\n`);
  assert.equal(await write(t, output, samples), 0);
  assert.deepEqual(await readdir(directory), listed);
  assert.ok((await joined(directory)).equals(await readFile((await writeShop(t, samples)).file)));
});

test('volumes of an earlier build with more of them do not stay, what only looks like one does', async (t) => {
  const samples = await shopSamples();
  const directory = await tempDir(t);
  const output = join(directory, 'shop.tar');
  await write(t, output, samples, { volumeSize: 500_000 });
  assert.equal((await readdir(directory)).length, 8);
  for (const other of ['shop.tar.7', 'shop.tar.old', 'my-shop.tar.006', 'shop.tar.2025'])
    await writeFile(join(directory, other), 'mine');
  await write(t, output, samples);
  assert.deepEqual(
    (await readdir(directory)).sort(),
    [...listed, 'my-shop.tar.006', 'shop.tar.2025', 'shop.tar.7', 'shop.tar.old'].sort(),
  );
});

test('one file gets its sum when asked, and an old sum of it does not stay', async (t) => {
  const samples = await shopSamples();
  const { file } = await writeShop(t, samples);
  const directory = await tempDir(t);
  const output = join(directory, 'shop.tar');
  const options = { sources: memorySources(samples), signal: t.signal };
  await writeBundle(planShop(samples), output, { ...options, sums: true });
  const sum = digestOf(await readFile(file)).slice('sha256:'.length);
  assert.equal(await readFile(`${output}.sha256`, 'utf8'), `${sum}  shop.tar\n`);
  await writeBundle(planShop(samples), output, options);
  assert.deepEqual(await readdir(directory), ['shop.tar']);
  await writeFile(`${output}.sha256`, 'notes of my own\n');
  await writeBundle(planShop(samples), output, options);
  assert.deepEqual(await readdir(directory), ['shop.tar', 'shop.tar.sha256']);
});

test('more volumes than four digits count are refused', async (t) => {
  const output = join(await tempDir(t), 'shop.tar');
  await assert.rejects(write(t, output, await shopSamples(), { volumeSize: 100 }), { code: 'USAGE_INVALID' });
});

const sizes: readonly (readonly [string, number | undefined])[] = [
  ['fat32', 4_294_967_295],
  ['dvd', 4_700_372_992],
  ['DVD-DL', 8_543_666_176],
  ['bd', 25_025_314_816],
  ['4GB', 4e9],
  ['4 GB', 4e9],
  ['4.5gb', 4.5e9],
  ['700MiB', 700 * 2 ** 20],
  ['2GiB', 2 ** 31],
  ['1000000B', 1e6],
  ['1e9', undefined],
  ['4000000000', undefined],
  ['4 floppies', undefined],
  ['999kB', undefined],
  ['-1GB', undefined],
  ['9e9TB', undefined],
  ['99999999TB', undefined],
  ['', undefined],
];
for (const [text, bytes] of sizes) {
  test(`--volume-size ${JSON.stringify(text)} is ${bytes === undefined ? 'refused' : `${bytes} bytes`}`, () => {
    if (bytes === undefined) assert.throws(() => parseVolumeSize(text), { code: 'USAGE_INVALID' });
    else assert.equal(parseVolumeSize(text), bytes);
  });
}

/** Writes volumes and stops when so many blobs are whole. */
async function cut(output: string, samples: Samples, blobs = 3): Promise<void> {
  const abort = new AbortController();
  const done = new Set<Digest>();
  const written = writeBundle(planShop(samples), output, {
    sources: memorySources(samples),
    signal: abort.signal,
    volumeSize,
    concurrency: 1,
    onEvent(event) {
      if (event.type === 'done' && done.add(event.digest).size === blobs) abort.abort(new Error('cut'));
    },
  });
  await assert.rejects(written, /cut/);
}
