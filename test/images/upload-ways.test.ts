import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { bytesBody } from '../../images/registry/blob-body.ts';
import { uploadBody } from '../../images/registry/upload-body.ts';
import { UploadHabits } from '../../images/registry/upload-habits.ts';
import { heldBytes } from '../../images/registry/upload-session.ts';
import { type Quirk, together } from '../registries/quirks/quirk.ts';
import * as uploads from '../registries/quirks/uploads.ts';
import { complaint, reply, sendReply } from '../registries/reply.ts';
import { held, noise } from '../registries/sample-images.ts';
import { pushBytes } from './blob-calls.ts';
import { type MemoryClient, script, startMemoryClient } from './memory-client.ts';

const mebibyte = 1 << 20;
const small = held('application/octet-stream', noise('ways, small', 300_000));
const blob = held('application/octet-stream', noise('ways', 8 * mebibyte));
const large = held('application/octet-stream', noise('ways, large', 24 * mebibyte));

/** Method, then the MiB of the body where there is one: `PATCH 4`. */
function bodies({ memory }: MemoryClient): string[] {
  return memory.requests.map(({ method, headers }) => {
    const size = Number(headers['content-length'] ?? 0) / mebibyte;
    return size < 0.01 ? method : `${method} ${Number(size.toFixed(1))}`;
  });
}

/** Bytes of each PATCH as they were announced. */
function chunkSizes({ memory }: MemoryClient): number[] {
  return memory.requests.filter(({ method }) => method === 'PATCH').map(({ headers }) => Number(headers['content-length']));
}

const damaged = complaint(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');

const forbidden = () => together(uploads.noMonolithicPut(reply(405)), uploads.noMonolithicPatch());

const ways: readonly {
  readonly name: string;
  readonly quirk: () => Quirk;
  readonly sent?: typeof blob;
  readonly wire?: readonly string[];
  readonly largest?: number;
}[] = [
  {
    name: 'is cut into chunks where a proxy refuses it early by 413 and a reset',
    quirk: () => uploads.bodyLimit(4 * mebibyte),
    wire: ['HEAD', 'POST', 'PUT 8', 'POST', 'PATCH 4', 'PATCH 4', 'PUT'],
  },
  {
    name: 'is cut smaller where 413 comes again',
    quirk: () => uploads.bodyLimit(600_000),
    largest: 600_000,
  },
  {
    name: 'goes up in chunks of 4 MiB where 416 says that no more is taken (GHCR)',
    quirk: () => together(uploads.bodyLimit(20 * mebibyte), uploads.chunkLimit(4 * mebibyte)),
    sent: large,
  },
  {
    name: 'goes up whole again where chunks are dropped silently (ECR)',
    quirk: () => together(script('PUT', /uploads/, [reply(413)]), uploads.deafAfterFirstChunk()),
    wire: ['HEAD', 'POST', 'PUT 8', 'POST', 'PATCH 4', 'PATCH 4', 'POST', 'PUT 8'],
  },
  {
    name: 'goes up in chunks where neither PUT nor one PATCH is taken',
    quirk: forbidden,
    wire: ['HEAD', 'POST', 'PUT 8', 'POST', 'PATCH 8', 'POST', 'PATCH 4', 'PATCH 4', 'PUT'],
  },
  {
    name: 'goes up in chunks that are as large as the registry wants (OCI-Chunk-Min-Length)',
    quirk: () => together(uploads.chunkMinimum(6 * mebibyte), forbidden()),
    wire: ['HEAD', 'POST', 'PUT 8', 'POST', 'PATCH 8', 'POST', 'PATCH 6', 'PATCH 2', 'PUT'],
  },
  {
    name: 'is found where a proxy had no patience for the commit, without being sent again',
    quirk: () => uploads.impatientProxy(300),
    wire: ['HEAD', 'POST', 'PUT 8', 'HEAD', 'HEAD'],
  },
  {
    name: 'that changed on the way once is sent once more',
    quirk: () => script('PUT', /uploads/, [damaged]),
    wire: ['HEAD', 'POST', 'PUT 8', 'POST', 'PUT 8'],
  },
];
for (const { name, quirk, sent = blob, wire, largest } of ways) {
  test(`a blob ${name}`, async (t) => {
    const client = await startMemoryClient(t, { intercept: quirk() });
    assert.equal(await pushBytes(client.registry, 'a', sent, t), 'pushed');
    assert.ok(client.memory.store.blob('a', sent.descriptor.digest)?.equals(sent.bytes));
    if (wire !== undefined) assert.deepEqual(bodies(client), wire);
    const accepted = chunkSizes(client).slice(-3);
    assert.ok(
      accepted.every((size) => size <= (largest ?? sent.bytes.length)),
      accepted.join(),
    );
  });
}

test('what a host takes is remembered: the next large blob goes up in chunks at once, a small one whole', async (t) => {
  const client = await startMemoryClient(t, { intercept: uploads.bodyLimit(4 * mebibyte) });
  await pushBytes(client.registry, 'a', blob, t);
  client.memory.requests.length = 0;
  await pushBytes(client.registry, 'b', blob, t);
  await pushBytes(client.registry, 'b', small, t);
  assert.deepEqual(bodies(client), ['HEAD', 'POST', 'PATCH 4', 'PATCH 4', 'PUT', 'HEAD', 'POST', 'PUT 0.3']);
});

test('GHCR: chunks are never larger than it said', async (t) => {
  const quirk = together(uploads.bodyLimit(20 * mebibyte), uploads.chunkLimit(4 * mebibyte));
  const client = await startMemoryClient(t, { intercept: quirk });
  await pushBytes(client.registry, 'a', large, t);
  const sizes = chunkSizes(client);
  const refused = sizes.findLastIndex((size) => size > 4 * mebibyte);
  assert.equal(sizes.filter((size) => size > 4 * mebibyte).length, 1);
  assert.deepEqual(new Set(sizes.slice(refused + 1)), new Set([4 * mebibyte]));
});

for (const [name, quirk] of [
  ['a proxy that lets nothing pass', () => uploads.bodyLimit(1000)],
  [
    'chunks that get lost behind a proxy with a limit',
    () => together(uploads.bodyLimit(4 * mebibyte), uploads.deafAfterFirstChunk()),
  ],
] as const) {
  test(`${name} is an error that names the setting`, async (t) => {
    const { registry } = await startMemoryClient(t, { intercept: quirk() });
    await assert.rejects(pushBytes(registry, 'a', blob, t), {
      code: 'REGISTRY_FAILED',
      message: /413/,
      hint: /client_max_body_size/,
    });
  });
}

async function arrives(client: MemoryClient, { signal }: { readonly signal: AbortSignal }): Promise<void> {
  assert.equal(await pushBytes(client.registry, 'a', blob, { signal }), 'pushed');
  assert.ok(client.memory.store.blob('a', blob.descriptor.digest)?.equals(blob.bytes));
}

test('a cut upload goes on at the byte that the registry has, where it proved that it can', async (t) => {
  const quirk = together(uploads.cutsUploads(5 * mebibyte, 1, { keeps: true }), uploads.strictChunks());
  const client = await startMemoryClient(t, { intercept: quirk });
  await arrives(client, t);
  // Where the rest was in buffers, the blob might have arrived: it is looked for.
  const wire = bodies(client).filter((line) => line !== 'HEAD');
  assert.deepEqual(wire, ['POST', 'PUT 8', 'POST', 'PATCH', 'GET', 'DELETE', 'GET', 'PATCH 3', 'PUT']);
  const ranges = client.memory.requests.map(({ headers }) => headers['content-range']).filter((range) => range !== undefined);
  assert.deepEqual(ranges, ['5-5', `${5 * mebibyte}-${8 * mebibyte - 1}`]);
});

test('links that break under every chunk cost no more than what they were carrying', async (t) => {
  const quirk = together(uploads.cutsUploads(700_000, 9, { keeps: true }), uploads.strictChunks());
  const client = await startMemoryClient(t, { intercept: quirk, client: { retry: { tries: 3 } } });
  await arrives(client, t);
});

test('where what came of a chunk is dropped, the chunk is sent again and nothing before it', async (t) => {
  const quirk = together(uploads.cutsUploads(700_000, 3, { keeps: false }), uploads.strictChunks());
  const client = await startMemoryClient(t, { intercept: quirk, client: { retry: { tries: 6 } } });
  await arrives(client, t);
  assert.equal(bodies(client).filter((line) => line === 'PUT 8').length, 1);
});

test('distribution 2 takes chunks at any place: its cut upload begins again from the first byte, in one PUT', async (t) => {
  const client = await startMemoryClient(t, { intercept: uploads.losesSession(1) });
  await arrives(client, t);
  assert.deepEqual(bodies(client), ['HEAD', 'POST', 'PUT 8', 'POST', 'PATCH', 'DELETE', 'POST', 'PUT 8']);
});

test('a registry that claims more bytes than were sent is not believed: the blob begins again', async (t) => {
  let questions = 0;
  const liar: Quirk = (request, response) => {
    if (request.method !== 'GET' || ++questions !== 2) return false;
    sendReply(request, response, reply(204, { location: request.url ?? '', range: `0-${20 * mebibyte}` }));
    return true;
  };
  const quirk = together(uploads.cutsUploads(5 * mebibyte, 1, { keeps: true }), uploads.strictChunks(), liar);
  const client = await startMemoryClient(t, { intercept: quirk });
  await arrives(client, t);
  assert.deepEqual(
    bodies(client)
      .filter((line) => line !== 'HEAD')
      .slice(6, 8),
    ['GET', 'POST'],
  );
});

test('who resets without a word is shown the next header with one byte, and can say why', async (t) => {
  const first: number[] = [];
  const client = await startMemoryClient(t, {
    intercept: async (request, response) => {
      if (request.method !== 'PUT' || Number(request.headers['content-length']) < mebibyte) return false;
      const size = await new Promise<number>((resolve) => request.once('data', ({ length }: Buffer) => resolve(length)));
      first.push(size);
      if (first.length === 1) request.socket.resetAndDestroy();
      else sendReply(request, response, reply(413));
      return true;
    },
  });
  await arrives(client, t);
  assert.equal(first.length, 2);
  assert.equal(first[1], 1);
});

test('an upload that can never end is an error that says what it would take', async (t) => {
  const { registry } = await startMemoryClient(t, { intercept: uploads.cutsUploads(mebibyte, 99, { keeps: false }) });
  await assert.rejects(pushBytes(registry, 'a', blob, t), { code: 'REGISTRY_UNREACHABLE', hint: /does not continue an upload/ });
});

test('replicas that forget each other are an error that names them', async (t) => {
  const { registry } = await startMemoryClient(t, { intercept: uploads.replicas(99) });
  await assert.rejects(pushBytes(registry, 'a', blob, t), { code: 'REGISTRY_FAILED', hint: /replicas/ });
});

test('bytes that change on the way twice are no fault of the bundle', async (t) => {
  const { registry } = await startMemoryClient(t, { intercept: script('PUT', /uploads/, [damaged, damaged]) });
  await assert.rejects(pushBytes(registry, 'a', blob, t), { code: 'DIGEST_MISMATCH', hint: /on the way/ });
});

test('bytes that are damaged are told after one upload', async (t) => {
  const client = await startMemoryClient(t);
  const bytes = Buffer.from(blob.bytes);
  bytes[5] = (bytes[5] ?? 0) ^ 1;
  const damaged = new BundleError('BUNDLE_DAMAGED', 'it is the bundle');
  const body = { ...bytesBody(bytes, blob.descriptor), prove: () => Promise.reject(damaged) };
  await assert.rejects(client.registry.pushBlob('a', blob.descriptor, body, t), damaged);
  assert.deepEqual(bodies(client), ['HEAD', 'POST', 'PUT 8']);
});

for (const [range, expected] of [
  ['0-41', 42],
  ['bytes=0-41', 42],
  ['0-0', 0],
  ['0--1', 0],
  [undefined, undefined],
  ['41', undefined],
  ['5-41', undefined],
] as const) {
  test(`the Range ${range} of an upload says that ${expected} bytes are there`, () => {
    assert.equal(heldBytes(range), expected);
  });
}

test('a host that resumes gets blobs over 64 MiB in chunks, of the size that its link carries in under a second', () => {
  const habits = new UploadHabits('registry.example');
  assert.equal(habits.shouldProve(64 << 20), false);
  assert.equal(habits.shouldProve((64 << 20) + 1), true);
  habits.resumes = true;
  assert.equal(habits.styleFor(64 << 20), 'put');
  assert.equal(habits.styleFor(65 << 20), 'chunks');
  assert.equal(habits.chunkSize(), 4 << 20);
  habits.measured(4 << 20, 400);
  assert.equal(habits.chunkSize(), Math.floor((4 << 20) * 2));
  habits.cut = true;
  assert.equal(habits.styleFor(9 << 20), 'chunks');
  assert.equal(habits.styleFor(7 << 20), 'put');
});

test('where a cut costs the whole blob, one at a time has the link; before the first cut all go side by side', async () => {
  const habits = new UploadHabits('registry.example');
  habits.resumes = false;
  const order: string[] = [];
  const upload = async (name: string) => {
    const end = await habits.turn();
    order.push(`${name} begins`);
    await new Promise(setImmediate);
    order.push(`${name} ends`);
    end();
  };
  await Promise.all(['one', 'two'].map(upload));
  assert.deepEqual(order, ['one begins', 'two begins', 'one ends', 'two ends']);
  habits.cut = true;
  order.length = 0;
  await Promise.all(['one', 'two'].map(upload));
  assert.deepEqual(order, ['one begins', 'one ends', 'two begins', 'two ends']);
});

for (const host of ['123456789012.dkr.ecr.eu-central-1.amazonaws.com', 'public.ecr.aws', 'europe-docker.pkg.dev', 'eu.gcr.io']) {
  test(`${host} is sent no chunk of its own choice, and none where a proxy wants them`, () => {
    const habits = new UploadHabits(host);
    assert.equal(habits.shouldProve(1 << 30), false);
    assert.equal(habits.refusedBody(1 << 30), false);
    assert.equal(habits.styleFor(1 << 30), 'put');
  });
}

test('a receiver that takes nothing is given up after a minute, and one that has everything never', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const part = { descriptor: small.descriptor, from: 0, size: small.bytes.length, wary: false, signal: t.signal };
  const sending = uploadBody({ ...part, body: bytesBody(small.bytes, small.descriptor) });
  const chunks = sending.open()[Symbol.asyncIterator]();
  await chunks.next();
  t.mock.timers.tick(59_000);
  assert.equal(sending.stalled(), false);
  t.mock.timers.tick(2_000);
  assert.deepEqual([sending.stalled(), sending.signal.aborted], [true, true]);
  const patient = uploadBody({ ...part, body: bytesBody(small.bytes, small.descriptor) });
  for await (const _ of patient.open());
  t.mock.timers.tick(600_000);
  assert.deepEqual([patient.stalled(), patient.complete()], [false, true]);
});

test('pulp: holds each chunk in memory, so that none has more than 64 MiB, however fast the link is', () => {
  const habits = new UploadHabits('pulp.example');
  habits.resumes = true;
  habits.measured(10 * 1024 * mebibyte, 1000);
  assert.equal(habits.chunkSize(), 64 * mebibyte);
  assert.equal(habits.styleFor(65 * mebibyte), 'chunks');
});
