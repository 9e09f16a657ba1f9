import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { parseRetryAfter, RetryGate } from '../../images/registry/retry-gate.ts';
import { startMemoryRegistry } from '../registries/memory-registry.ts';
import { complaint, reply, sendReply } from '../registries/reply.ts';
import { held, heldJson, noise, pushSample, sampleImage } from '../registries/sample-images.ts';
import { testUser } from '../registries/start-registry.ts';
import { matches, script, seedBlob, startMemoryClient } from './memory-client.ts';

const blob = held('application/octet-stream', noise('pulled', 3_000_000));
const { size, digest } = blob.descriptor;

/** Answers blob GETs in turn; each handler says how. When they are used up the registry answers as it should. */
function answering(handlers: readonly ((request: IncomingMessage, response: ServerResponse) => void)[]) {
  const left = [...handlers];
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const next = matches(request, 'GET', /\/blobs\//) ? left.shift() : undefined;
    next?.(request, response);
    return next !== undefined;
  };
}

/** Sends the beginning of the blob, promises all of it, and cuts the connection. */
function cutAt(length: number) {
  return (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, { 'content-length': size });
    response.flushHeaders();
    response.write(blob.bytes.subarray(0, length), () => setTimeout(() => response.destroy(), 20));
  };
}

const send =
  (status: number, headers: Record<string, string | number>, body: Buffer) =>
  (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(status, headers);
    response.end(body);
  };

const recovered: readonly [name: string, handlers: Parameters<typeof answering>[0], ranges: readonly (string | undefined)[]][] = [
  ['cut in the middle goes on where it was', [cutAt(1_234_567)], [undefined, 'bytes=1234567-']],
  ['cut before the first byte begins anew', [cutAt(0)], [undefined, undefined]],
  ['cut a byte before its end fetches that byte', [cutAt(size - 1)], [undefined, `bytes=${size - 1}-`]],
  [
    'cut again and again ends whole',
    [
      cutAt(700_000),
      (request, response) => cutRange(request, response, 900_000),
      (request, response) => cutRange(request, response, 900_000),
    ],
    [undefined, 'bytes=700000-', 'bytes=1600000-', 'bytes=2500000-'],
  ],
  [
    'whose Range is ignored skips what it has',
    [cutAt(1_000_000), send(200, { 'content-length': size }, blob.bytes)],
    [undefined, 'bytes=1000000-'],
  ],
  ['met by 503 once is asked for again', [send(503, {}, Buffer.from('busy'))], [undefined, undefined]],
  ['met by 429 and Retry-After comes when it may', [send(429, { 'retry-after': '0' }, Buffer.from(''))], [undefined, undefined]],
  ['sent without a length is taken', [send(200, { 'transfer-encoding': 'chunked' }, blob.bytes)], [undefined]],
  [
    'said to be encoded, and is not, is taken as it is',
    [send(200, { 'content-encoding': 'x-gzip', 'content-length': size }, blob.bytes)],
    [undefined],
  ],
];

function cutRange(request: IncomingMessage, response: ServerResponse, length: number): void {
  const from = Number(/=(\d+)-/.exec(request.headers.range ?? '')?.[1]);
  response.writeHead(206, { 'content-length': size - from, 'content-range': `bytes ${from}-${size - 1}/${size}` });
  response.write(blob.bytes.subarray(from, from + length), () => setTimeout(() => response.destroy(), 20));
}

for (const [name, handlers, ranges] of recovered) {
  test(`a blob ${name}`, async (t) => {
    const { memory, registry } = await startMemoryClient(t, { intercept: answering(handlers) });
    seedBlob(memory, 'a', blob);
    const file = Buffer.alloc(size);
    await registry.pullBlob('a', blob.descriptor, { write: async (chunk, position) => void chunk.copy(file, position) }, t);
    assert.ok(file.equals(blob.bytes));
    assert.deepEqual(
      memory.requests.map(({ headers }) => headers.range),
      ranges,
    );
  });
}

const flipped = Buffer.from(blob.bytes);
flipped[size >> 1] = (flipped[size >> 1] ?? 0) ^ 0x40;
const badRange = { 'content-range': `bytes 1000001-${size - 1}/${size}`, 'content-length': size - 1_000_001 };

const fatal: readonly [name: string, handlers: Parameters<typeof answering>[0], expected: object, requests: number][] = [
  [
    'one flipped bit',
    [send(200, { 'content-length': size }, flipped)],
    { code: 'DIGEST_MISMATCH', message: new RegExp(digest) },
    1,
  ],
  [
    'a length that is not its own',
    [send(200, { 'content-length': size - 1 }, blob.bytes.subarray(1))],
    { code: 'SIZE_MISMATCH' },
    1,
  ],
  ['more bytes than it has', [send(200, {}, Buffer.concat([blob.bytes, Buffer.from('more')]))], { code: 'SIZE_MISMATCH' }, 1],
  [
    'a resumed range that is off by one',
    [cutAt(1_000_000), send(206, badRange, blob.bytes.subarray(1_000_001))],
    { code: 'REGISTRY_FAILED', message: /resumes/ },
    2,
  ],
  ['404', [send(404, {}, Buffer.from(''))], { code: 'REGISTRY_NOT_FOUND' }, 1],
  [
    '403',
    [send(403, {}, Buffer.from('{"errors":[{"code":"DENIED","message":"not yours"}]}'))],
    { code: 'REGISTRY_DENIED', message: /403 DENIED: not yours/ },
    1,
  ],
  [
    '500 for ever',
    Array.from({ length: 9 }, () => send(500, {}, Buffer.from('<html><title>Oops</title></html>'))),
    { code: 'REGISTRY_FAILED', message: /500 Oops$/ },
    5,
  ],
  [
    'a Retry-After of an hour',
    [send(429, { 'retry-after': '3600' }, Buffer.from('slow down'))],
    { code: 'REGISTRY_LIMITED', message: /429 slow down/, hint: /after 3600 seconds/ },
    1,
  ],
];
for (const [name, handlers, expected, requests] of fatal) {
  test(`a blob met by ${name} is an error`, async (t) => {
    const { memory, registry } = await startMemoryClient(t, { intercept: answering(handlers) });
    seedBlob(memory, 'a', blob);
    await assert.rejects(registry.pullBlob('a', blob.descriptor, { write: async () => undefined }, t), expected);
    assert.equal(memory.requests.length, requests);
  });
}

test('a registry that streams for ever is stopped at the size of the blob', async (t) => {
  let sent = 0;
  const endless = (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200);
    const more = (): void => {
      sent += 1 << 16;
      if (!response.destroyed) response.write(Buffer.alloc(1 << 16), more);
    };
    more();
  };
  const { registry } = await startMemoryClient(t, { intercept: answering([endless]) });
  await assert.rejects(registry.pullBlob('a', blob.descriptor, { write: async () => undefined }, t), { code: 'SIZE_MISMATCH' });
  assert.ok(sent < 20 << 20, `${sent} bytes`);
});

test('a connection that falls silent in the middle is given up and resumed', async (t) => {
  const silent = (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, { 'content-length': size });
    response.write(blob.bytes.subarray(0, 500_000));
  };
  const { memory, registry } = await startMemoryClient(t, {
    intercept: answering([silent]),
    client: { timeouts: { stallMs: 100 } },
  });
  seedBlob(memory, 'a', blob);
  assert.ok((await registry.fetchBlob('a', blob.descriptor, { signal: t.signal, limit: size })).equals(blob.bytes));
  assert.equal(memory.requests[1]?.headers.range, 'bytes=500000-');
});

test('a write that fails ends the pull with its own error', async (t) => {
  const { memory, registry } = await startMemoryClient(t);
  seedBlob(memory, 'a', blob);
  const full = new Error('no space left');
  await assert.rejects(registry.pullBlob('a', blob.descriptor, { write: async () => Promise.reject(full) }, t), full);
});

test('credentials stay behind when another host serves the blob', async (t) => {
  const cdn = await startMemoryRegistry();
  t.after(() => cdn.stop());
  seedBlob(cdn, 'a', blob);
  let redirected = '';
  const { memory, registry } = await startMemoryClient(t, {
    user: testUser,
    intercept: (request, response) => {
      if (request.headers.authorization === undefined || !matches(request, 'GET', /blobs/)) return false;
      redirected = `${cdn.origin}${request.url}?X-Signature=s3cret%2Bkey`;
      sendReply(request, response, reply(307, { location: redirected }));
      return true;
    },
  });
  assert.deepEqual(await registry.fetchBlob('a', blob.descriptor, { signal: t.signal, limit: size }), blob.bytes);
  assert.deepEqual(
    memory.requests.map(({ headers }) => headers.authorization !== undefined),
    [false, true],
  );
  assert.equal(cdn.requests.length, 1);
  assert.equal(cdn.requests[0]?.headers.authorization, undefined);
  assert.equal(`${cdn.origin}${cdn.requests[0]?.url}`, redirected, 'the signed query is untouched');
});

test('a host we are redirected to may want a token of its own, and gets none of our credentials', async (t) => {
  const other = await startMemoryRegistry({
    intercept: (request, response) => {
      if (request.url?.startsWith('/token')) sendReply(request, response, reply(200, {}, '{"token":"for-everyone"}'));
      else if (request.headers.authorization === 'Bearer for-everyone') return false;
      else
        sendReply(
          request,
          response,
          complaint(401, 'UNAUTHORIZED', 'token first', {
            'www-authenticate': `Bearer realm="http://${request.headers.host}/token"`,
          }),
        );
      return true;
    },
  });
  t.after(() => other.stop());
  const image = sampleImage();
  for (const { bytes } of image.blobs) other.store.putBlob('moved', bytes);
  other.store.putManifest('moved', '1', { mediaType: image.root.descriptor.mediaType, bytes: image.root.bytes });
  const { registry } = await startMemoryClient(t, {
    user: testUser,
    intercept: script('GET', /manifests/, [
      complaint(401, 'UNAUTHORIZED', '', { 'www-authenticate': 'Basic realm="x"' }),
      reply(307, { location: `${other.origin}/v2/moved/manifests/1` }),
    ]),
  });
  assert.deepEqual(await registry.fetchManifest('a', '1', t), image.root);
  assert.ok(other.requests.every(({ headers }) => !headers.authorization?.startsWith('Basic')));
});

test('a redirect from https to http, and one without end, are refused', async (t) => {
  const plain = await startMemoryRegistry();
  t.after(() => plain.stop());
  const secure = await startMemoryClient(t, {
    tls: true,
    intercept: script('GET', /./, [reply(302, { location: `${plain.origin}/x` })]),
  });
  await assert.rejects(secure.registry.fetchManifest('a', '1', t), { code: 'REGISTRY_FAILED', message: /leave https for http/ });
  assert.equal(plain.requests.length, 0);
  const loop = await startMemoryClient(t, {
    intercept: script(
      'GET',
      /./,
      Array.from({ length: 20 }, () => reply(302, { location: '/x' })),
    ),
  });
  await assert.rejects(loop.registry.fetchManifest('a', '1', t), {
    code: 'REGISTRY_FAILED',
    message: /redirects more than 5 times/,
  });
});

const manifests: readonly [name: string, answer: ReturnType<typeof reply>, expected: object][] = [
  [
    'over 4 MiB',
    reply(200, {}, Buffer.alloc((4 << 20) + 1, ' ')),
    { code: 'MANIFEST_INVALID', message: /more than 4194304 bytes/ },
  ],
  [
    'with another digest than its header says',
    reply(200, { 'docker-content-digest': digest }, heldJson('x', { schemaVersion: 2 }).bytes),
    { code: 'DIGEST_MISMATCH' },
  ],
  [
    'of schema 1',
    reply(200, { 'content-type': 'application/vnd.docker.distribution.manifest.v1+prettyjws' }, '{}'),
    { code: 'MANIFEST_INVALID', message: /schema 1/ },
  ],
  [
    'that is HTML',
    reply(200, { 'content-type': 'text/html' }, '<html>Log in to the Wi-Fi</html>'),
    { code: 'MANIFEST_INVALID', message: /no JSON/ },
  ],
  [
    'that is refused with a signed URL in the words',
    reply(403, {}, 'see https://cdn.example/x?X-Amz-Signature=s3cret for more'),
    { code: 'REGISTRY_DENIED', message: /see https:\/\/cdn\.example\/x\?… for more$/ },
  ],
  [
    'that is refused with a megabyte of words',
    reply(403, {}, 'x'.repeat(1 << 20)),
    { code: 'REGISTRY_DENIED', message: /^.{1,600}$/ },
  ],
];
for (const [name, answer, expected] of manifests) {
  test(`a manifest ${name} is an error`, async (t) => {
    const { registry } = await startMemoryClient(t, { intercept: script('GET', /manifests/, [answer]) });
    await assert.rejects(registry.fetchManifest('a', '1', t), expected);
  });
}

test('a HEAD that tells too little, or is not allowed, is followed by a GET', async (t) => {
  for (const answer of [reply(200), complaint(405, 'UNSUPPORTED', ''), reply(200, { 'docker-content-digest': 'md5:1' })]) {
    const { registry } = await startMemoryClient(t, { intercept: script('HEAD', /manifests/, [reply(404), answer]) });
    const image = sampleImage();
    await pushSample(registry, 'a', '1', image, t);
    assert.deepEqual(await registry.headManifest('a', '1', t), image.root.descriptor);
  }
});

test('a HEAD that is forbidden tells nothing', async (t) => {
  const { registry } = await startMemoryClient(t, { intercept: script('HEAD', /manifests/, [reply(403)]) });
  assert.equal(await registry.headManifest('a', '1', t), 'unknown');
});

test('a host that asks for a pause is left alone by everybody', async (t) => {
  const { memory, registry } = await startMemoryClient(t, {
    intercept: answering([send(429, { 'retry-after': '1' }, Buffer.from(''))]),
  });
  seedBlob(memory, 'a', blob);
  const arrivals: number[] = [];
  const begin = performance.now();
  const options = { signal: t.signal, limit: size };
  const first = registry.fetchBlob('a', blob.descriptor, options);
  while (memory.requests.length === 0) await new Promise(setImmediate);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const second = registry.hasBlob('a', digest, t).then(() => arrivals.push(performance.now() - begin));
  await Promise.all([first, second]);
  assert.ok((arrivals[0] ?? 0) >= 950, `${arrivals[0]} ms`);
});

test('Retry-After is seconds, or a date to come, or nothing', () => {
  assert.equal(parseRetryAfter('7'), 7000);
  assert.equal(parseRetryAfter('soon'), undefined);
  assert.equal(parseRetryAfter(new Date(Date.now() - 5000).toUTCString()), undefined);
  const inTenSeconds = parseRetryAfter(new Date(Date.now() + 10_000).toUTCString()) ?? 0;
  assert.ok(inTenSeconds > 8000 && inTenSeconds <= 10_000);
});

test('pauses double, a fifth more or less, up to the cap, and end with the tries', () => {
  const gate = new RetryGate({ baseMs: 100, capMs: 500, tries: 6 });
  gate.answered();
  const pauses = [1, 2, 3, 4, 5].map((attempt) => gate.pauseAfter({ connection: 'dropped' }, attempt) ?? 0);
  for (const [index, expected] of [100, 200, 400, 500, 500].entries()) {
    const pause = pauses[index] ?? 0;
    assert.ok(pause >= expected * 0.8 && pause <= expected * 1.2, `${pause} of ${expected}`);
  }
  assert.equal(gate.pauseAfter({ connection: 'dropped' }, 6), undefined);
  assert.equal(gate.pauseAfter({ status: 404 }, 1), undefined);
  assert.equal(gate.pauseAfter({ connection: 'untrusted' }, 1), undefined);
  assert.equal(
    new RetryGate().pauseAfter({ connection: 'unreachable' }, 2),
    undefined,
    'a host that never answered is told at once',
  );
});
