import assert from 'node:assert/strict';
import { appendFile, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Digest } from '../../bundle-spec/names.ts';
import type { BlobSource, FileSink } from '../../images/blob-source.ts';
import { type WriteEvent, type WriteOptions, writeBundle } from '../../images/output/bundle-writer.ts';
import { sinkWriter } from '../../images/place-writer.ts';
import { openTransfers } from '../../images/transfer/transfers.ts';
import { memorySources, planShop, type Samples, shopSamples, tempDir, tinySamples, writeShop } from './sample-bundle.ts';

/** A bundle whose writing was cut when `blobs` of its blobs were whole. */
interface Cut {
  readonly samples: Samples;
  readonly directory: string;
  readonly output: string;
  readonly whole: Buffer;
}

async function cut(t: TestContext, options: Partial<WriteOptions> = {}, blobs = 3): Promise<Cut> {
  const samples = await shopSamples();
  const directory = await tempDir(t);
  const output = join(directory, 'shop.tar');
  const whole = await readFile((await writeShop(t, samples)).file);
  const abort = new AbortController();
  let done = 0;
  const onEvent = ({ type }: WriteEvent): void => {
    if (type === 'done') done += 1;
    if (done === blobs) abort.abort(new Error('cut'));
  };
  const written = writeBundle(planShop(samples), output, {
    sources: memorySources(samples),
    signal: abort.signal,
    concurrency: 1,
    onEvent,
    ...options,
  });
  await assert.rejects(written, /cut/);
  return { samples, directory, output, whole };
}

/** Writes again and gives the digests that were pulled, and the events. */
async function again(t: TestContext, { samples, output }: Cut, options: Partial<WriteOptions> = {}) {
  const pulled: Digest[] = [];
  const events: WriteEvent[] = [];
  const sources = counted(memorySources(samples), pulled);
  await writeBundle(planShop(samples), output, { sources, signal: t.signal, onEvent: (event) => events.push(event), ...options });
  return { pulled, events };
}

function counted(sources: ReadonlyMap<Digest, BlobSource>, pulled: Digest[]): Map<Digest, BlobSource> {
  const count = (source: BlobSource): BlobSource => ({
    pull: (descriptor, sink, options) => {
      pulled.push(descriptor.digest);
      return source.pull(descriptor, sink, options);
    },
  });
  return new Map([...sources].map(([digest, source]) => [digest, count(source)]));
}

test('what was cut is continued: blobs that are whole are not pulled again, and the bytes are those of an undisturbed run', async (t) => {
  const run = await cut(t);
  const { pulled, events } = await again(t, run);
  assert.equal(pulled.length, run.samples.blobs.size - 3);
  assert.ok((await readFile(run.output)).equals(run.whole));
  assert.deepEqual(await readdir(run.directory), ['shop.tar']);
  const largest = [...run.samples.blobs.values()].map(({ length }) => length).sort((a, b) => b - a);
  const bytes = largest.slice(0, 3).reduce((sum, size) => sum + size, 0);
  assert.deepEqual(
    events.find(({ type }) => type === 'resumed'),
    { type: 'resumed', blobs: 3, bytes },
  );
  const told = events.reduce((sum, event) => sum + (event.type === 'progress' ? event.bytes : 0), 0);
  assert.equal(
    told,
    largest.reduce((sum, size) => sum + size, 0),
  );
});

test('a failure tells how much the next run will find, and where', async (t) => {
  const events: WriteEvent[] = [];
  const samples = await shopSamples();
  const output = join(await tempDir(t), 'shop.tar');
  const [smallest] = [...samples.blobs].sort(([, a], [, b]) => a.length - b.length);
  const sources = memorySources(samples);
  const failing: BlobSource = { pull: () => Promise.reject(new Error('gone')) };
  if (smallest !== undefined) sources.set(smallest[0], failing);
  const onEvent = (event: WriteEvent) => void events.push(event);
  await assert.rejects(writeBundle(planShop(samples), output, { sources, signal: t.signal, concurrency: 1, onEvent }), /gone/);
  const done = events.flatMap((event) => (event.type === 'done' ? event.size : []));
  assert.deepEqual(events.at(-1), {
    type: 'left',
    bytes: done.reduce((sum, size) => sum + size, 0),
    size: planShop(samples).size,
    files: [`${output}.partial`, `${output}.partial.journal`],
  });
  assert.ok(done.length > 5);
});

/** A source that breaks when half of a blob is there, as a connection that is not made again. */
function halfSource(samples: Samples): Map<Digest, BlobSource> {
  const source: BlobSource = {
    async pull(descriptor, sink) {
      const bytes = samples.blobs.get(descriptor.digest) ?? Buffer.alloc(0);
      await sinkWriter(sink, descriptor)(bytes.subarray(0, bytes.length >> 1), 0);
      throw new Error('the connection is gone');
    },
  };
  return new Map([...samples.blobs.keys()].map((digest) => [digest, source]));
}

/** A source that goes on behind what is kept, without a look at it: the digest of the whole is what proves both. */
function continuing(samples: Samples, asked: number[]): Map<Digest, BlobSource> {
  const honest = memorySources(samples);
  return new Map(
    [...honest].map(([digest, source]) => {
      const pull: BlobSource['pull'] = async (descriptor, sink, options) => {
        const { kept = 0, places } = sink as FileSink;
        if (kept === 0) return source.pull(descriptor, sink, options);
        asked.push(kept);
        const bytes = samples.blobs.get(digest) ?? Buffer.alloc(0);
        await sinkWriter(sink, descriptor)(bytes.subarray(kept), kept);
        const transfers = openTransfers({ threads: 1 });
        const found = await transfers.hash(places[0] ?? [], options);
        await transfers.close();
        if (found !== digest) await source.pull({ ...descriptor, digest: `sha256:${'1'.repeat(64)}` }, sink, options);
      };
      return [digest, { pull }];
    }),
  );
}

async function halved(t: TestContext): Promise<Cut> {
  const samples = await shopSamples();
  const directory = await tempDir(t);
  const output = join(directory, 'shop.tar');
  const whole = await readFile((await writeShop(t, samples)).file);
  const written = writeBundle(planShop(samples), output, { sources: halfSource(samples), signal: t.signal, concurrency: 1 });
  await assert.rejects(written, /gone/);
  return { samples, directory, output, whole };
}

test('a large blob that was cut goes on where it was cut', async (t) => {
  const run = await halved(t);
  const asked: number[] = [];
  await again(t, run, { sources: continuing(run.samples, asked) });
  const largest = Math.max(...[...run.samples.blobs.values()].map(({ length }) => length));
  assert.deepEqual(asked, [largest >> 1]);
  assert.ok((await readFile(run.output)).equals(run.whole));
});

test('the kept beginning of a blob that is not what it was is pulled again', async (t) => {
  const run = await halved(t);
  const [line = ''] = (await readFile(`${run.output}.partial.journal`, 'utf8'))
    .split('\n')
    .filter((text) => text.includes('"kept"'));
  const { at } = JSON.parse(line) as { at: number };
  const bytes = await readFile(`${run.output}.partial`);
  bytes.writeUInt8(bytes.readUInt8(at + 5) ^ 1, at + 5);
  await writeFile(`${run.output}.partial`, bytes);
  const asked: number[] = [];
  await again(t, run, { sources: continuing(run.samples, asked) });
  assert.equal(asked.length, 1);
  assert.ok((await readFile(run.output)).equals(run.whole));
});

const zeros = `sha256:${'0'.repeat(64)}`;
const disturbed: readonly {
  readonly name: string;
  readonly disturb: (run: Cut) => Promise<unknown>;
  readonly keeps?: boolean;
}[] = [
  { name: 'nothing was changed', disturb: async () => undefined, keeps: true },
  {
    name: 'the last line is torn',
    disturb: ({ output }) => appendFile(`${output}.partial.journal`, '{"blob":"sha256:'),
    keeps: true,
  },
  {
    name: 'the journal has other text',
    disturb: ({ output }) => appendFile(`${output}.partial.journal`, 'no json\n[]\n{}\n\0\n'),
    keeps: true,
  },
  {
    name: 'the journal claims offsets that cannot be',
    disturb: ({ output }) =>
      appendFile(`${output}.partial.journal`, `${JSON.stringify({ blob: zeros, size: 1e15, at: -512, kept: 1e15 })}\n`),
    keeps: true,
  },
  { name: 'the journal is gone', disturb: ({ output }) => rm(`${output}.partial.journal`) },
  { name: 'the partial file is gone', disturb: ({ output }) => rm(`${output}.partial`) },
  { name: 'the partial file is empty', disturb: ({ output }) => truncate(`${output}.partial`, 0) },
  { name: 'the partial file ends early', disturb: ({ output }) => truncate(`${output}.partial`, 5_000) },
  {
    name: 'the partial file holds other bytes everywhere',
    disturb: async ({ output, whole }) => writeFile(`${output}.partial`, Buffer.alloc(whole.length, 7)),
  },
  {
    name: 'the partial file is longer, with bytes behind its end',
    disturb: ({ output }) => appendFile(`${output}.partial`, Buffer.alloc(5000, 7)),
    keeps: true,
  },
  {
    name: 'the journal says that all is whole, and the file holds zeros',
    disturb: async ({ output, whole, samples }) => {
      await writeFile(`${output}.partial`, Buffer.alloc(whole.length));
      const { files } = planShop(samples);
      const lines = files.flatMap(({ content, position, size }) =>
        content.from === 'blob' ? `${JSON.stringify({ blob: content.digest, size, at: position, kept: size })}\n` : [],
      );
      await appendFile(`${output}.partial.journal`, lines.join(''));
    },
  },
  {
    name: 'the journal says so of millions of volumes',
    disturb: ({ output }) =>
      appendFile(
        `${output}.partial.journal`,
        `${JSON.stringify({ section: { layout: zeros, size: 1e15, volume: 1, holes: true } })}\n`,
      ),
    keeps: true,
  },
  {
    name: 'the journal was removed by hand and is huge now',
    disturb: ({ output }) => truncate(`${output}.partial.journal`, 100e6),
  },
];
for (const { name, disturb, keeps = false } of disturbed) {
  test(`the bytes are those of an undisturbed run when ${name}`, async (t) => {
    const run = await cut(t);
    await disturb(run);
    const { pulled } = await again(t, run);
    assert.ok((await readFile(run.output)).equals(run.whole));
    assert.deepEqual(await readdir(run.directory), ['shop.tar']);
    assert.equal(pulled.length < run.samples.blobs.size, keeps, `${pulled.length} pulled`);
  });
}

for (const name of ['shop.tar.partial', 'shop.tar.partial.journal']) {
  test(`a link called ${name} is not followed`, async (t) => {
    const run = await cut(t);
    const victim = join(run.directory, 'victim');
    await writeFile(victim, 'precious');
    await rm(join(run.directory, name));
    await symlink(victim, join(run.directory, name));
    await again(t, run).catch((error: unknown) => assert.equal((error as { code?: string }).code, 'FILE_UNWRITABLE'));
    assert.equal(await readFile(victim, 'utf8'), 'precious');
  });
}

test('of another bundle that was cut here the blobs are copied that this one has too, and then it is removed', async (t) => {
  const run = await cut(t);
  const samples: Samples = { images: run.samples.images.slice(0, 2), blobs: run.samples.blobs };
  const pulled: Digest[] = [];
  const sources = counted(memorySources(samples), pulled);
  const expected = join(await tempDir(t), 'expected.tar');
  await writeBundle(planShop(samples), expected, { sources: memorySources(samples), signal: t.signal });
  await writeBundle(planShop(samples), run.output, { sources, signal: t.signal });
  const wanted = new Set(samples.images.flatMap(({ blobs }) => blobs.map(({ digest }) => digest)));
  assert.ok(pulled.length < wanted.size, `${pulled.length} of ${wanted.size} pulled`);
  assert.ok((await readFile(run.output)).equals(await readFile(expected)));
  assert.deepEqual(await readdir(run.directory), ['shop.tar']);
});

test('what was cut of one bundle is still there when another one is cut that was begun in its place', async (t) => {
  const run = await cut(t);
  const tiny = await tinySamples();
  const abort = new AbortController();
  const begun = writeBundle(planShop(tiny), run.output, {
    sources: memorySources(tiny),
    signal: abort.signal,
    concurrency: 1,
    onEvent: ({ type }) => type === 'done' && abort.abort(new Error('cut')),
  });
  await assert.rejects(begun, /cut/);
  assert.deepEqual((await readdir(run.directory)).sort(), [
    'shop.tar.partial',
    'shop.tar.partial.journal',
    'shop.tar.partial.old',
  ]);
  const { pulled } = await again(t, { ...run, samples: tiny });
  assert.ok(pulled.length < tiny.blobs.size);
  assert.deepEqual(await readdir(run.directory), ['shop.tar']);
});

test('the journal speaks of a blob only when its bytes are on the disk', async (t) => {
  const run = await cut(t);
  const text = await readFile(`${run.output}.partial.journal`, 'utf8');
  assert.equal(text.match(/"blob"/g)?.length, 3);
  assert.ok((await stat(`${run.output}.partial`)).size === run.whole.length);
});
