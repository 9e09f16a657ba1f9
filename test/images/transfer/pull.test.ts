import assert from 'node:assert/strict';
import { open, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { FileSink } from '../../../images/blob-source.ts';
import { sliceExtents } from '../../../images/extent.ts';
import { openRegistry } from '../../../images/registry/registry.ts';
import { openTransfers, type Transfers } from '../../../images/transfer/transfers.ts';
import { startMemoryRegistry } from '../../registries/memory-registry.ts';
import { reply, sendReply } from '../../registries/reply.ts';
import { held, noise } from '../../registries/sample-images.ts';
import { testUser } from '../../registries/start-registry.ts';
import { type MemoryClient, type MemoryClientOptions, matches, seedBlob, startMemoryClient } from '../memory-client.ts';
import { tempDir } from '../sample-bundle.ts';

const blob = held('application/octet-stream', noise('by threads', 3_000_000));
const { size, digest } = blob.descriptor;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

interface Pulling extends MemoryClient {
  readonly transfers: Transfers;
  /** Ports of the connections that blobs were asked for by, in the order of the requests. */
  readonly ports: readonly number[];
}

/** A registry that answers GETs of blobs by `handlers`, one each, then as it should; a client that pulls by one thread. */
async function startPulling(
  t: TestContext,
  handlers: readonly Handler[] = [],
  options: MemoryClientOptions = {},
): Promise<Pulling> {
  const left = [...handlers];
  const ports: number[] = [];
  const transfers = openTransfers({ threads: 1 });
  t.after(() => transfers.close());
  const client = await startMemoryClient(t, {
    ...options,
    client: { transfers, ...options.client },
    intercept: (request, response) => {
      if (!matches(request, 'GET', /\/blobs\//)) return false;
      ports.push(request.socket.remotePort ?? 0);
      const next = left.shift();
      next?.(request, response);
      return next !== undefined;
    },
  });
  seedBlob(client.memory, 'a', blob);
  return { ...client, transfers, ports };
}

interface Target {
  readonly path: string;
  readonly sink: FileSink;
  /** What was told to have been written. */
  told(): number;
  content(): Promise<Buffer>;
}

/** A file with room for the blob, and `before` in it. */
async function target(t: TestContext, before: Buffer = Buffer.alloc(0), kept = 0): Promise<Target> {
  const path = join(await tempDir(t), 'file');
  const handle = await open(path, 'w+');
  t.after(() => handle.close());
  await handle.write(before);
  let told = 0;
  const onBytes = (bytes: number): void => {
    told += bytes;
  };
  return {
    path,
    sink: { places: [[{ fd: handle.fd, position: 0, size }]], onBytes, kept },
    told: () => told,
    content: () => readFile(path),
  };
}

/** Sends `length` bytes of what was asked for, promises all of it, and cuts the connection. */
function cutAfter(length: number): Handler {
  return (request, response) => {
    const from = Number(/=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const range = { 'content-range': `bytes ${from}-${size - 1}/${size}` };
    response.writeHead(from === 0 ? 200 : 206, { 'content-length': size - from, ...(from === 0 ? {} : range) });
    response.flushHeaders();
    response.write(blob.bytes.subarray(from, from + length), () => setTimeout(() => response.destroy(), 20));
  };
}

const send =
  (status: number, headers: Record<string, string | number>, body: Buffer | string = ''): Handler =>
  (_request, response) => {
    response.writeHead(status, headers);
    response.end(body);
  };

const chunked = send(200, { 'transfer-encoding': 'chunked' }, blob.bytes);
const hangUp: Handler = (_request, response) => void response.destroy();

type Recovered = readonly [name: string, handlers: readonly Handler[], ranges: readonly (string | undefined)[], told?: number];
const recovered: readonly Recovered[] = [
  ['comes whole', [], [undefined]],
  ['cut in the middle goes on where it was', [cutAfter(1_234_567)], [undefined, 'bytes=1234567-']],
  ['cut before the first byte begins anew', [cutAfter(0)], [undefined, undefined]],
  ['cut before the answer begins anew', [hangUp], [undefined, undefined]],
  ['cut a byte before its end fetches that byte', [cutAfter(size - 1)], [undefined, `bytes=${size - 1}-`]],
  ['cut after its last byte is whole', [cutAfter(size)], [undefined]],
  [
    'cut again and again ends whole',
    [cutAfter(700_000), cutAfter(900_000), cutAfter(900_000)],
    [undefined, 'bytes=700000-', 'bytes=1600000-', 'bytes=2500000-'],
  ],
  [
    'whose Range is ignored skips what it has',
    [cutAfter(1_000_000), send(200, { 'content-length': size }, blob.bytes)],
    [undefined, 'bytes=1000000-'],
  ],
  [
    'whose Range is refused begins anew',
    [cutAfter(1_000_000), send(416, { 'content-length': 0 })],
    [undefined, 'bytes=1000000-', undefined],
    1_000_000 + size,
  ],
  ['met by 503 once is asked for again', [send(503, {}, 'busy')], [undefined, undefined]],
  ['met by 429 in chunks comes when it may', [send(429, { 'retry-after': '0' }, 'slow down')], [undefined, undefined]],
  ['sent in chunks takes the other way', [chunked, chunked], [undefined, undefined]],
  [
    'that is encoded takes the other way, and is decoded there',
    Array.from({ length: 2 }, () => {
      const packed = gzipSync(blob.bytes);
      return send(200, { 'content-encoding': 'gzip', 'content-length': packed.length }, packed);
    }),
    [undefined, undefined],
  ],
  [
    'said to be encoded takes the other way',
    [send(200, { 'content-encoding': 'x-gzip', 'content-length': size }, blob.bytes)],
    [undefined, undefined],
  ],
  [
    'sent in chunks by another way goes on there',
    [cutAfter(1_000_000), send(200, {}, blob.bytes), chunked],
    [undefined, 'bytes=1000000-', 'bytes=1000000-'],
  ],
  [
    'whose parts do not fit is pulled once more from its beginning',
    [
      cutAfter(1_000_000),
      send(
        206,
        { 'content-range': `bytes 1000000-${size - 1}/${size}`, 'content-length': size - 1_000_000 },
        Buffer.alloc(size - 1_000_000),
      ),
    ],
    [undefined, 'bytes=1000000-', undefined],
    2 * size,
  ],
];

for (const [name, handlers, ranges, told = size] of recovered) {
  test(`a blob ${name}`, async (t) => {
    const { memory, registry } = await startPulling(t, handlers);
    const file = await target(t);
    await registry.pullBlob('a', blob.descriptor, file.sink, t);
    assert.ok((await file.content()).equals(blob.bytes));
    assert.deepEqual(
      memory.requests.map(({ headers }) => headers.range),
      ranges,
    );
    assert.equal(file.told(), told, 'bytes are written once');
  });
}

const flipped = Buffer.from(blob.bytes).fill(blob.bytes.readUInt8(size >> 1) ^ 0x40, size >> 1, (size >> 1) + 1);
const offByOne = { 'content-range': `bytes 1000001-${size - 1}/${size}`, 'content-length': size - 1_000_001 };

const fatal: readonly [name: string, handlers: readonly Handler[], expected: object, requests: number][] = [
  [
    'one flipped bit',
    [send(200, { 'content-length': size }, flipped)],
    { code: 'DIGEST_MISMATCH', message: new RegExp(digest) },
    1,
  ],
  ['a byte less than it has', [send(200, { 'content-length': size - 1 }, blob.bytes.subarray(1))], { code: 'SIZE_MISMATCH' }, 1],
  ['a byte more', [send(200, { 'content-length': size + 1 }, Buffer.alloc(size + 1))], { code: 'SIZE_MISMATCH' }, 1],
  [
    'a resumed range that is off by one',
    [cutAfter(1_000_000), send(206, offByOne, blob.bytes.subarray(1_000_001))],
    { code: 'REGISTRY_FAILED', message: /resumes .* it gives "bytes 1000001-/ },
    2,
  ],
  ['404', [send(404, {}, '{"errors":[{"code":"BLOB_UNKNOWN"}]}')], { code: 'REGISTRY_NOT_FOUND', message: /BLOB_UNKNOWN/ }, 1],
  ['a Retry-After of an hour', [send(429, { 'retry-after': '3600' }, 'slow down')], { code: 'REGISTRY_LIMITED' }, 1],
];
for (const [name, handlers, expected, requests] of fatal) {
  test(`a blob met by ${name} is an error`, async (t) => {
    const { memory, registry } = await startPulling(t, handlers);
    await assert.rejects(registry.pullBlob('a', blob.descriptor, (await target(t)).sink, t), expected);
    assert.equal(memory.requests.length, requests);
  });
}

test('a registry that streams for ever is stopped at the size of the blob', async (t) => {
  let sent = 0;
  const endless: Handler = (_request, response) => {
    response.writeHead(200);
    const more = (): void => {
      sent += 1 << 16;
      if (!response.destroyed) response.write(Buffer.alloc(1 << 16), more);
    };
    more();
  };
  const { registry } = await startPulling(t, [endless, endless]);
  const file = await target(t);
  await assert.rejects(registry.pullBlob('a', blob.descriptor, file.sink, t), { code: 'SIZE_MISMATCH' });
  assert.ok(sent < 40 << 20, `${sent} bytes`);
  assert.ok((await file.content()).length <= size);
});

test('a connection that falls silent in the middle is given up and resumed', async (t) => {
  const silent: Handler = (_request, response) => {
    response.writeHead(200, { 'content-length': size });
    response.write(blob.bytes.subarray(0, 500_000));
  };
  const { memory, registry } = await startPulling(t, [silent], { client: { timeouts: { stallMs: 100 } } });
  const file = await target(t);
  await registry.pullBlob('a', blob.descriptor, file.sink, t);
  assert.ok((await file.content()).equals(blob.bytes));
  assert.equal(memory.requests[1]?.headers.range, 'bytes=500000-');
});

test('one connection brings blob after blob, over http and TLS', async (t) => {
  for (const tls of [false, true]) {
    const { registry, ports } = await startPulling(t, [], { tls });
    for (let round = 0; round < 3; round += 1) {
      const file = await target(t);
      await registry.pullBlob('a', blob.descriptor, file.sink, t);
      assert.ok((await file.content()).equals(blob.bytes));
    }
    assert.equal(new Set(ports).size, 1, 'kept alive');
  }
});

test('a kept connection that is lost with the next request is replaced without a word', async (t) => {
  const answer = send(200, { 'content-length': size }, blob.bytes);
  const once = { client: { retry: { tries: 1 } } };
  const { registry, ports } = await startPulling(t, [answer, hangUp, answer], once);
  for (let round = 0; round < 2; round += 1) await registry.pullBlob('a', blob.descriptor, (await target(t)).sink, t);
  const [first, second, third] = ports;
  assert.ok(first === second && third !== first, String(ports));
});

test('what an earlier run kept is not asked for, and not written again', async (t) => {
  const { memory, registry } = await startPulling(t);
  const kept = 1_200_000;
  const file = await target(t, blob.bytes.subarray(0, kept));
  // To write what is kept would fail.
  const unwritable = await open(file.path);
  t.after(() => unwritable.close());
  const extents = file.sink.places[0] ?? [];
  const place = [{ fd: unwritable.fd, position: 0, size: kept }, ...sliceExtents(extents, kept, size - kept)];
  await registry.pullBlob('a', blob.descriptor, { ...file.sink, places: [place], kept }, t);
  assert.ok((await file.content()).equals(blob.bytes));
  assert.equal(memory.requests[0]?.headers.range, 'bytes=1200000-');
  assert.equal(file.told(), size - kept);
});

test('what is kept and whole is not asked for at all', async (t) => {
  const { memory, registry } = await startPulling(t);
  const file = await target(t, blob.bytes, size);
  await registry.pullBlob('a', blob.descriptor, file.sink, t);
  assert.equal(memory.requests.length, 0);
});

test('what is kept and damaged, or less than was said, is pulled again from its beginning', async (t) => {
  for (const before of [Buffer.alloc(1_200_000, 7), blob.bytes.subarray(0, 900_000)]) {
    const { registry } = await startPulling(t);
    const file = await target(t, before, 1_200_000);
    await registry.pullBlob('a', blob.descriptor, file.sink, t);
    assert.ok((await file.content()).equals(blob.bytes));
  }
});

test('a blob goes to two places, one of them in two files, also what of it was kept', async (t) => {
  for (const kept of [0, 700_000]) {
    const { registry } = await startPulling(t);
    const [one, two] = [await target(t, blob.bytes.subarray(0, kept)), await target(t)];
    const [{ fd = 0 } = {}] = one.sink.places[0] ?? [];
    const [{ fd: other = 0 } = {}] = two.sink.places[0] ?? [];
    const places = [
      [
        { fd, position: 0, size: 2_000_000 },
        { fd: other, position: 17, size: size - 2_000_000 },
      ],
      [{ fd, position: 2_000_000, size }],
    ];
    await registry.pullBlob('a', blob.descriptor, { places, kept }, t);
    const [first, second] = [await one.content(), await two.content()];
    assert.ok(Buffer.concat([first.subarray(0, 2_000_000), second.subarray(17)]).equals(blob.bytes));
    assert.ok(first.subarray(2_000_000).equals(blob.bytes));
  }
});

test('an abort in the middle ends a pull with its reason, and nothing is written after it', async (t) => {
  const drip: Handler = (_request, response) => {
    response.writeHead(200, { 'content-length': size });
    for (let at = 0; at < size; at += 1000) setTimeout(() => response.write(blob.bytes.subarray(at, at + 1000)), at / 1000);
  };
  const { registry, memory } = await startPulling(t, [drip]);
  const controller = new AbortController();
  const reason = new Error('enough');
  const file = await target(t);
  const pulling = registry.pullBlob('a', blob.descriptor, file.sink, { signal: controller.signal });
  while (memory.requests.length === 0) await new Promise(setImmediate);
  setTimeout(() => controller.abort(reason), 100);
  await assert.rejects(pulling, reason);
  const { length } = await file.content();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal((await file.content()).length, length);
  assert.ok(length > 0 && length < size, `${length} bytes`);
});

test('a disk that is full is its own error, and the registry is not asked again', async (t) => {
  const { memory, registry } = await startPulling(t);
  const full = await open('/dev/full', 'w');
  t.after(() => full.close());
  const sink = { places: [[{ fd: full.fd, position: 0, size }]] };
  await assert.rejects(registry.pullBlob('a', blob.descriptor, sink, t), { code: 'ENOSPC', syscall: 'write' });
  assert.equal(memory.requests.length, 1);
});

test('credentials stay behind when another host serves the blob, and a resumed part is asked for at the registry', async (t) => {
  const cdn = await startMemoryRegistry({
    intercept: (request, response) => {
      if (request.headers.authorization !== undefined) sendReply(request, response, reply(400, {}, 'no Authorization here'));
      else if (cdn.requests.length === 1) cutAfter(1_000_000)(request, response);
      else return false;
      return true;
    },
  });
  t.after(() => cdn.stop());
  seedBlob(cdn, 'a', blob);
  const redirect: Handler = (request, response) =>
    sendReply(request, response, reply(307, { location: `${cdn.origin}${request.url}?X-Signature=s3cret%2Bkey` }));
  const unauthorized = send(401, { 'www-authenticate': 'Basic realm="x"' });
  const { memory, registry } = await startPulling(t, [unauthorized, redirect, redirect], { user: testUser });
  const file = await target(t);
  await registry.pullBlob('a', blob.descriptor, file.sink, t);
  assert.ok((await file.content()).equals(blob.bytes));
  assert.deepEqual(
    memory.requests.map(({ headers }) => [headers.authorization !== undefined, headers.range]),
    [
      [false, undefined],
      [true, undefined],
      [true, 'bytes=1000000-'],
    ],
  );
  assert.ok(cdn.requests.every(({ url, headers }) => url.endsWith('?X-Signature=s3cret%2Bkey') && !headers.authorization));
});

test('a certificate that nobody trusts is REGISTRY_UNTRUSTED', async (t) => {
  const { memory, transfers } = await startPulling(t, [], { tls: true });
  const stranger = openRegistry({ host: memory.host, plainHttp: false }, { transfers });
  t.after(() => stranger.close());
  await assert.rejects(stranger.pullBlob('a', blob.descriptor, (await target(t)).sink, t), { code: 'REGISTRY_UNTRUSTED' });
});

test('threads that were ended are an error', async (t) => {
  const { registry, transfers } = await startPulling(t, [() => undefined]);
  const pulling = assert.rejects(registry.pullBlob('a', blob.descriptor, (await target(t)).sink, t), /transfer thread/);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await transfers.close();
  await pulling;
});
