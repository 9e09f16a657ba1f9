import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { BlobsAhead } from '../../images/output/blobs-ahead.ts';
import { streamBundle } from '../../images/output/bundle-stream.ts';
import type { WriteEvent } from '../../images/output/bundle-writer.ts';
import { memorySources, planShop, shopSamples, tempDir, tinySamples, writeShop } from './sample-bundle.ts';

for (const [name, samples] of [
  ['with the installer and shared layers', shopSamples],
  ['of a few kilobytes', tinySamples],
] as const) {
  test(`a bundle ${name} is the same through a pipe`, async (t) => {
    const made = await samples();
    const chunks: Buffer[] = [];
    const events: WriteEvent[] = [];
    const take = async (chunk: Buffer) => void chunks.push(Buffer.from(chunk));
    const onEvent = (event: WriteEvent) => void events.push(event);
    const json = await streamBundle(planShop(made), take, { sources: memorySources(made), signal: t.signal, onEvent });
    const { file } = await writeShop(t, made);
    assert.ok(Buffer.concat(chunks).equals(await readFile(file)));
    const bundle = await openBundle(file, { signal: t.signal });
    t.after(() => bundle.close());
    assert.deepEqual(json, bundle.json);
    const told = events.reduce((sum, event) => sum + (event.type === 'progress' ? event.bytes : 0), 0);
    const [planned] = events;
    assert.equal(planned?.type === 'planned' && planned.bytes, told);
  });
}

test('every blob is pulled once, also those that the installer image has too', async (t) => {
  const samples = await shopSamples();
  const pulled: string[] = [];
  const sources = new Map(
    [...memorySources(samples)].map(([digest, source]) => [
      digest,
      {
        pull: (...request: Parameters<typeof source.pull>) => {
          pulled.push(digest);
          return source.pull(...request);
        },
      },
    ]),
  );
  await streamBundle(planShop(samples), async () => undefined, { sources, signal: t.signal });
  assert.deepEqual(pulled.sort(), [...samples.blobs.keys()].sort());
});

test('what ends midway is taken for whole by nobody, and leaves nothing in the temporary directory', async (t) => {
  const samples = await shopSamples();
  const before = (await readdir(tmpdir())).filter((name) => /^diolkos-.*\.tar$/.test(name));
  const chunks: Buffer[] = [];
  let size = 0;
  const take = async (chunk: Buffer) => {
    chunks.push(Buffer.from(chunk));
    size += chunk.length;
    if (size > 1_000_000) throw new Error('the reader has ended');
  };
  await assert.rejects(streamBundle(planShop(samples), take, { sources: memorySources(samples), signal: t.signal }), /reader/);
  const file = join(await tempDir(t), 'shop.tar');
  await writeFile(file, Buffer.concat(chunks));
  await assert.rejects(openBundle(file, { signal: t.signal }), { code: 'BUNDLE_INVALID', message: /truncated/ });
  assert.deepEqual(
    (await readdir(tmpdir())).filter((name) => /^diolkos-.*\.tar$/.test(name)),
    before,
  );
});

test('small blobs are fetched before their turn, a few at a time, and come in their order', async (t) => {
  const wanted = Array.from({ length: 20 }, (_, index) => ({
    mediaType: 'application/octet-stream',
    digest: `sha256:${index.toString(16).padStart(64, '0')}` as const,
    size: index === 3 ? 2 << 20 : 10,
  }));
  const state = { running: 0, most: 0 };
  const fetch = async ({ size }: { readonly size: number }) => {
    state.running += 1;
    state.most = Math.max(state.most, state.running);
    await sleep(5);
    state.running -= 1;
    return Buffer.alloc(size);
  };
  const ahead = new BlobsAhead(wanted, fetch, { signal: t.signal, window: 4 });
  for (const { digest, size } of wanted) assert.equal((await ahead.take(digest))?.length, size > 10 ? undefined : size);
  assert.equal(state.most, 4);
  await ahead.close();
});

test('a small blob that fails before its turn ends the stream when its turn comes', async (t) => {
  const samples = await shopSamples();
  const sources = memorySources(samples);
  const [last] = [...sources.keys()].sort().reverse();
  if (last !== undefined) sources.set(last, { pull: () => Promise.reject(new Error('gone')) });
  await assert.rejects(
    streamBundle(planShop(samples), async () => undefined, { sources, signal: t.signal }),
    /gone/,
  );
});

test('a large blob that a source begins anew is never twice in the stream', async (t) => {
  const samples = await shopSamples();
  const sources = memorySources(samples);
  const [largest] = [...samples.blobs].sort(([, a], [, b]) => b.length - a.length);
  assert.ok(largest !== undefined && largest[1].length > 1 << 20);
  const [digest, bytes] = largest;
  sources.set(digest, {
    async pull(_, sink) {
      if (!('write' in sink)) throw new Error('a large blob is not held');
      await sink.write(Buffer.alloc(bytes.length, 'x'), 0);
      await sink.write(bytes, 0);
    },
  });
  await assert.rejects(
    streamBundle(planShop(samples), async () => undefined, { sources, signal: t.signal }),
    { code: 'DIGEST_MISMATCH' },
  );
});
