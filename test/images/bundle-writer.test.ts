import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { list } from 'tar';
import type { Digest } from '../../bundle-spec/names.ts';
import type { BlobSource } from '../../images/blob-source.ts';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { digestOf } from '../../images/digest.ts';
import { type WriteEvent, writeBundle } from '../../images/output/bundle-writer.ts';
import { sinkWriter } from '../../images/place-writer.ts';
import { noise } from '../registries/sample-images.ts';
import { memorySources, planShop, shopSamples, tempDir, writeShop } from './sample-bundle.ts';

const run = promisify(execFile);

test('a written bundle gives back every blob and every entry', async (t) => {
  const samples = await shopSamples();
  const { file, layout } = await writeShop(t, samples);
  const bundle = await openBundle(file, { signal: t.signal });
  t.after(() => bundle.close());
  for (const [digest, bytes] of samples.blobs) assert.ok((await bundle.readBlob(digest, { signal: t.signal })).equals(bytes));
  for (const { name, digest } of bundle.json.entries) {
    assert.equal(digestOf(await bundle.readEntry(name, { signal: t.signal })), digest, name);
  }
  assert.equal((await stat(file)).size, layout.size);
});

test('GNU tar lists the planned files in the planned order, without owner and time, and unpacks them', async (t) => {
  const { file, layout } = await writeShop(t);
  const { stdout } = await run('tar', ['-tvf', file, '--full-time', '--utc', '--numeric-owner']);
  const listed = stdout.trimEnd().split('\n');
  const planned = layout.files.map(({ name, size }) => `-rw-r--r-- 0/0 ${size} 1970-01-01 00:00:00 ${name}`);
  assert.deepEqual(
    listed.map((line) => line.replace(/ +/g, ' ')),
    planned,
  );
  const directory = await tempDir(t);
  await run('tar', ['-xf', file, '-C', directory]);
  for (const digest of layout.blobs.keys()) {
    assert.equal(digestOf(await readFile(join(directory, 'blobs/sha256', digest.slice('sha256:'.length)))), digest);
  }
  await run('sha256sum', ['--check', '--strict', 'bundle.json.sha256'], { cwd: directory });
});

test('the tar package lists the planned files too', async (t) => {
  const { file, layout } = await writeShop(t);
  const found: string[] = [];
  await list({ file, strict: true, onReadEntry: ({ path, size }) => void found.push(`${path} ${size}`) });
  assert.deepEqual(
    found,
    layout.files.map(({ name, size }) => `${name} ${size}`),
  );
});

test('the same contents give the same bytes, whatever the order and concurrency', async (t) => {
  const { file } = await writeShop(t);
  const samples = await shopSamples();
  const again = join(await tempDir(t), 'again.tar');
  const shuffled = { ...samples, images: [...samples.images].reverse() };
  const layout = { ...planShop(shuffled), json: planShop(samples).json };
  await writeBundle(layout, again, { sources: memorySources(samples), signal: t.signal, concurrency: 1 });
  assert.ok((await readFile(again)).equals(await readFile(file)));
});

test('every blob is pulled once, the largest first, and its bytes are told', async (t) => {
  const samples = await shopSamples();
  const pulled: number[] = [];
  const events: WriteEvent[] = [];
  const counted = wrapped(memorySources(samples), (size) => pulled.push(size));
  const output = join(await tempDir(t), 'shop.tar');
  const signal = t.signal;
  await writeBundle(planShop(samples), output, {
    sources: counted,
    signal,
    concurrency: 1,
    onEvent: (event) => events.push(event),
  });
  assert.deepEqual(
    pulled,
    [...samples.blobs.values()].map((bytes) => bytes.length).sort((a, b) => b - a),
  );
  const total = pulled.reduce((sum, size) => sum + size, 0);
  assert.deepEqual(events[0], { type: 'planned', blobs: pulled.length, bytes: total });
  assert.equal(
    events.reduce((sum, event) => sum + (event.type === 'progress' ? event.bytes : 0), 0),
    total,
  );
});

const spoiled: readonly { readonly name: string; readonly spoil: (bytes: Buffer) => Buffer; readonly code: string }[] = [
  { name: 'another byte', spoil: (bytes) => Buffer.from(bytes).fill(bytes.readUInt8(0) ^ 1, 0, 1), code: 'DIGEST_MISMATCH' },
  { name: 'a byte less', spoil: (bytes) => bytes.subarray(1), code: 'SIZE_MISMATCH' },
  { name: 'a megabyte more', spoil: (bytes) => Buffer.concat([bytes, noise('more', 1 << 20)]), code: 'SIZE_MISMATCH' },
];
for (const { name, spoil, code } of spoiled) {
  test(`a source that gives ${name} ends the writing, and the next one pulls that blob again`, async (t) => {
    const samples = await shopSamples();
    const blobs = new Map([...samples.blobs].map(([digest, bytes], index) => [digest, index === 2 ? spoil(bytes) : bytes]));
    const directory = await tempDir(t);
    const output = join(directory, 'shop.tar');
    const sources = memorySources({ ...samples, blobs });
    await assert.rejects(writeBundle(planShop(samples), output, { sources, signal: t.signal, concurrency: 1 }), { code });
    assert.ok(!(await readdir(directory)).includes('shop.tar'));
    await writeBundle(planShop(samples), output, { sources: memorySources(samples), signal: t.signal });
    assert.ok((await readFile(output)).equals(await readFile((await writeShop(t, samples)).file)));
    assert.deepEqual(await readdir(directory), ['shop.tar']);
  });
}

test('a source that writes past its blob is stopped before it does', async (t) => {
  const samples = await shopSamples();
  const lying = (honest: BlobSource): BlobSource => ({
    async pull(descriptor, sink, options) {
      await honest.pull(descriptor, sink, options);
      await sinkWriter(sink, descriptor)(Buffer.alloc(1), descriptor.size);
    },
  });
  const sources = new Map([...memorySources(samples)].map(([digest, source]) => [digest, lying(source)]));
  const output = join(await tempDir(t), 'shop.tar');
  await assert.rejects(writeBundle(planShop(samples), output, { sources, signal: t.signal }), { code: 'SIZE_MISMATCH' });
});

test('an abort before the first blob is whole leaves nothing', async (t) => {
  const samples = await shopSamples();
  const directory = await tempDir(t);
  const abort = new AbortController();
  const written = writeBundle(planShop(samples), join(directory, 'shop.tar'), {
    sources: memorySources(samples),
    signal: abort.signal,
    onEvent: (event) => event.type === 'planned' && abort.abort(new Error('enough')),
  });
  await assert.rejects(written, /enough/);
  assert.deepEqual(await readdir(directory), []);
});

test('an abort midway leaves the output that was there, and beside it what the next run takes up', async (t) => {
  const samples = await shopSamples();
  const directory = await tempDir(t);
  const output = join(directory, 'shop.tar');
  await writeFile(output, 'the one before');
  const abort = new AbortController();
  const written = writeBundle(planShop(samples), output, {
    sources: memorySources(samples),
    signal: abort.signal,
    onEvent: (event) => event.type === 'done' && abort.abort(new Error('enough')),
  });
  await assert.rejects(written, /enough/);
  assert.deepEqual(await readdir(directory), ['shop.tar', 'shop.tar.partial', 'shop.tar.partial.journal']);
  assert.equal(await readFile(output, 'utf8'), 'the one before');
});

function wrapped(sources: ReadonlyMap<Digest, BlobSource>, onPull: (size: number) => void): Map<Digest, BlobSource> {
  const wrap = (source: BlobSource): BlobSource => ({
    pull(descriptor, sink, options) {
      onPull(descriptor.size);
      return source.pull(descriptor, sink, options);
    },
  });
  return new Map([...sources].map(([digest, source]) => [digest, wrap(source)]));
}
