import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { test } from 'node:test';
import { bytesBody } from '../../images/registry/blob-body.ts';
import { uploadLocation } from '../../images/registry/registry-destination.ts';
import { listen, startMemoryRegistry, stopServer } from '../registries/memory-registry.ts';
import { bodyOf, complaint, type Reply, reply, sendReply } from '../registries/reply.ts';
import { held, noise, pushSample, sampleImage } from '../registries/sample-images.ts';
import { testUser } from '../registries/start-registry.ts';
import { matches, script, startMemoryClient } from './memory-client.ts';

const blob = held('application/octet-stream', noise('pushed', 900_000));
const { digest } = blob.descriptor;
const short = digest.slice(0, 11);
const body = bytesBody(blob.bytes, blob.descriptor);

const lost = complaint(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown');
const head = `HEAD /v2/a/blobs/${short}`;
const post = 'POST /v2/a/blobs/uploads/';

const recovered: readonly [name: string, intercept: ReturnType<typeof script>, wire: readonly string[]][] = [
  ['goes up in one PUT', () => false, [head, post, 'PUT 0']],
  ['whose session is lost gets another', script('PUT', /uploads/, [lost]), [head, post, 'PUT 0', post, 'PUT 0']],
  ['met by 503 is sent again', script('PUT', /uploads/, [reply(503)]), [head, post, 'PUT 0', head, post, 'PUT 0']],
  [
    'whose PUT an older Artifactory does not know is PATCHed',
    script('PUT', /uploads/, [complaint(404, 'BLOB_UNKNOWN', '')]),
    [head, post, 'PUT 0', post, 'PATCH 0', 'PUT 1'],
  ],
  [
    'whose PUT is not allowed is PATCHed',
    script('PUT', /uploads/, [reply(405)]),
    [head, post, 'PUT 0', post, 'PATCH 0', 'PUT 1'],
  ],
  ['whose session cannot be begun at once is begun later', script('POST', /uploads/, [reply(502)]), [head, post, post, 'PUT 0']],
  ['that the registry does not tell about is sent', script('HEAD', /blobs/, [reply(403)]), [head, post, 'PUT 0']],
];
for (const [name, intercept, expected] of recovered) {
  test(`a blob ${name}`, async (t) => {
    const { memory, registry, wire } = await startMemoryClient(t, { intercept });
    assert.equal(await registry.pushBlob('a', blob.descriptor, body, t), 'pushed');
    assert.ok(memory.store.blob('a', digest)?.equals(blob.bytes));
    assert.deepEqual(
      wire().map((line) => line.replace(/ \S*step=(\d).*/, ' $1')),
      expected,
    );
  });
}

test('a host that wanted a PATCH once gets one at once the next time', async (t) => {
  const { registry, wire } = await startMemoryClient(t, { intercept: script('PUT', /uploads/, [reply(405)]) });
  await registry.pushBlob('a', blob.descriptor, body, t);
  const before = wire().length;
  await registry.pushBlob('b', blob.descriptor, body, t);
  assert.deepEqual(
    wire()
      .slice(before)
      .map((line) => line.split(' ')[0]),
    ['HEAD', 'POST', 'PATCH', 'PUT'],
  );
});

test('a connection that dies under the upload is made again, and the bytes are sent from their beginning', async (t) => {
  let cuts = 2;
  const { memory, registry } = await startMemoryClient(t, {
    intercept: (request) => {
      if (!matches(request, 'PUT', /uploads/) || cuts === 0) return false;
      cuts -= 1;
      request.once('data', () => request.destroy());
      return true;
    },
  });
  let sent = 0;
  const onSent = (bytes: number) => {
    sent += bytes;
  };
  assert.equal(await registry.pushBlob('a', blob.descriptor, body, { signal: t.signal, onSent }), 'pushed');
  assert.ok(memory.store.blob('a', digest)?.equals(blob.bytes));
  assert.ok(sent >= blob.bytes.length);
});

test('a commit whose answer is lost is found by asking', async (t) => {
  let stored = (_bytes: Buffer): unknown => undefined;
  const { memory, registry, wire } = await startMemoryClient(t, {
    intercept: async (request, response) => {
      if (!matches(request, 'PUT', /uploads/)) return false;
      stored(await bodyOf(request));
      response.destroy();
      return true;
    },
  });
  stored = (bytes) => memory.store.putBlob('a', bytes);
  assert.equal(await registry.pushBlob('a', blob.descriptor, body, t), 'pushed');
  assert.deepEqual(
    wire().map((line) => line.split(' ')[0]),
    ['HEAD', 'POST', 'PUT', 'HEAD'],
  );
});

const mounts: readonly [name: string, answer: Reply | undefined, expected: string, posts: number][] = [
  ['201', undefined, 'mounted', 1],
  ['400', complaint(400, 'NAME_INVALID', 'invalid repository name'), 'pushed', 2],
  ['401 without a challenge', complaint(401, 'UNAUTHORIZED', ''), 'pushed', 2],
  ['404', complaint(404, 'BLOB_UNKNOWN', ''), 'pushed', 2],
];
for (const [name, answer, expected, posts] of mounts) {
  test(`a mount answered by ${name} ends as ${expected}`, async (t) => {
    const { memory, registry, wire } = await startMemoryClient(t, {
      intercept: answer === undefined ? () => false : script('POST', /mount=/, [answer]),
    });
    memory.store.putBlob('from', blob.bytes);
    assert.equal(await registry.pushBlob('a', blob.descriptor, body, { signal: t.signal, mountFrom: 'from' }), expected);
    assert.equal(wire().filter((line) => line.startsWith('POST')).length, posts);
  });
}

test('a mount answered by a session is uploaded into that session', async (t) => {
  const { registry, wire } = await startMemoryClient(t);
  assert.equal(await registry.pushBlob('a', blob.descriptor, body, { signal: t.signal, mountFrom: 'elsewhere' }), 'pushed');
  assert.deepEqual(
    wire().map((line) => line.split(' ')[0]),
    ['HEAD', 'POST', 'PUT'],
  );
});

const refused: readonly [name: string, method: string, path: RegExp, answer: Reply, expected: object][] = [
  [
    'a project that does not exist',
    'POST',
    /uploads/,
    complaint(403, 'DENIED', 'project shop not found'),
    { code: 'REGISTRY_DENIED', message: /refused the push to a: 403 DENIED: project shop not found/ },
  ],
  [
    'a repository that must be created',
    'POST',
    /uploads/,
    complaint(404, 'NAME_UNKNOWN', 'no such repository'),
    { code: 'REGISTRY_NOT_FOUND', hint: /create a \(or its project\) there first/ },
  ],
  [
    'a pull-through cache',
    'POST',
    /uploads/,
    complaint(405, 'UNSUPPORTED', 'The operation is unsupported.'),
    { code: 'REGISTRY_FAILED', hint: /read-only/ },
  ],
  [
    'a proxy with a limit',
    'PUT',
    /uploads/,
    reply(413, {}, '<html><title>413 Request Entity Too Large</title>'),
    { code: 'REGISTRY_FAILED', message: /413 Request Entity Too Large/, hint: /client_max_body_size/ },
  ],
  [
    'a registry that received other bytes',
    'PUT',
    /uploads/,
    complaint(400, 'DIGEST_INVALID', 'provided digest did not match'),
    { code: 'DIGEST_MISMATCH' },
  ],
];
for (const [name, method, path, answer, expected] of refused) {
  test(`a push to ${name} is an error that says what to do`, async (t) => {
    const { registry } = await startMemoryClient(t, {
      intercept: script(
        method,
        path,
        Array.from({ length: 9 }, () => answer),
      ),
    });
    await assert.rejects(registry.pushBlob('a', blob.descriptor, body, t), expected);
    if (method === 'POST') await assert.rejects(registry.checkPush('a', t), expected);
  });
}

test('an upload may go to another host, which sees no credentials of ours', async (t) => {
  const store: Buffer[] = [];
  const seen: IncomingMessage['headers'][] = [];
  const other = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    seen.push(request.headers);
    store.push(await bodyOf(request));
    sendReply(request, response, reply(201));
  });
  const port = await listen(other);
  t.after(() => stopServer(other));
  const location = `http://127.0.0.1:${port}/upload?signature=a%2Bb+c&part=1`;
  const { registry } = await startMemoryClient(t, {
    user: testUser,
    intercept: (request, response) => {
      if (!matches(request, 'POST', /uploads/) || request.headers.authorization === undefined) return false;
      sendReply(request, response, reply(202, { location }));
      return true;
    },
  });
  assert.equal(await registry.pushBlob('a', blob.descriptor, body, t), 'pushed');
  assert.ok(store[0]?.equals(blob.bytes));
  assert.equal(seen[0]?.authorization, undefined);
});

const locations: readonly [location: string, from: string, expected: string | RegExp][] = [
  ['/v2/a/blobs/uploads/1?_state=x', 'https://r.io:5000/v2/a/blobs/uploads/', 'https://r.io:5000/v2/a/blobs/uploads/1?_state=x'],
  ['1?_state=x', 'https://r.io/v2/a/blobs/uploads/', 'https://r.io/v2/a/blobs/uploads/1?_state=x'],
  ['http://r.io:5000/u', 'https://r.io:5000/', 'https://r.io:5000/u'],
  ['http://r.io/u', 'https://r.io:5000/', 'https://r.io:5000/u'],
  ['http://r.io:8080/u', 'https://r.io/', 'https://r.io/u'],
  ['https://r.io/u', 'https://r.io:5000/', 'https://r.io:5000/u'],
  ['https://r.io:5001/u', 'https://r.io:5000/', 'https://r.io:5001/u'],
  ['https://upload.r.io/u?a=%2B+b', 'https://r.io/', 'https://upload.r.io/u?a=%2B+b'],
  ['http://upload.r.io/u', 'https://r.io/', /leave https for http/],
  ['https://10.0.0.7/u', 'https://registry.invalid/', /network we are in/],
  ['http://[::', 'https://r.io/', /no URL/],
];
for (const [location, from, expected] of locations) {
  test(`an upload begun at ${from} goes on from ${location} at ${expected}`, async () => {
    const resolve = async () => (await uploadLocation('r.io', new URL(from), location)).href;
    if (typeof expected === 'string') assert.equal(await resolve(), expected);
    else await assert.rejects(resolve, { code: 'REGISTRY_FAILED', message: expected });
  });
}

test('a proxy that speaks TLS for a registry which calls itself http is understood', async (t) => {
  const { registry } = await startMemoryClient(t, {
    tls: true,
    intercept: (request, response) => {
      const writeHead = response.writeHead.bind(response);
      Object.assign(response, {
        writeHead: (status: number, headers: Record<string, string>) => {
          const location = headers.location;
          const named = location?.startsWith('/') ? { location: `http://${request.headers.host}${location}` } : {};
          return writeHead(status, { ...headers, ...named });
        },
      });
      return false;
    },
  });
  assert.equal(await registry.pushBlob('a', blob.descriptor, body, t), 'pushed');
});

test('a manifest whose blobs the registry does not see yet is pushed again', async (t) => {
  const lag = complaint(404, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry');
  const { memory, registry } = await startMemoryClient(t, { intercept: script('PUT', /manifests/, [lag]) });
  await pushSample(registry, 'a', '1', sampleImage(), t);
  assert.ok(memory.store.manifest('a', '1'));
});

const tagFaults: readonly [name: string, method: string, answers: readonly Reply[], expected: object][] = [
  [
    'a registry that keeps tags immutable',
    'PUT',
    [complaint(412, 'PRECONDITION', 'immutable tag')],
    { code: 'TAG_CONFLICT', message: /immutable tag/ },
  ],
  [
    'a registry that does not know the media type',
    'PUT',
    [complaint(415, 'MANIFEST_INVALID', 'unknown media type')],
    { code: 'REGISTRY_FAILED', hint: /media type/ },
  ],
  [
    'a registry that never sees the blobs',
    'PUT',
    Array.from({ length: 5 }, () => complaint(400, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown')),
    { code: 'REGISTRY_FAILED', hint: /every platform/ },
  ],
  [
    'a registry that stores something else',
    'PUT',
    [reply(201, { 'docker-content-digest': digest })],
    { code: 'DIGEST_MISMATCH' },
  ],
  ['a registry that loses the tag', 'PUT', [reply(201)], { code: 'REGISTRY_FAILED', message: /does not have it/ }],
  [
    'a registry that forbids it',
    'PUT',
    [complaint(403, 'DENIED', 'read only robot')],
    { code: 'REGISTRY_DENIED', message: /push of a:1: 403 DENIED: read only robot/ },
  ],
];
for (const [name, method, answers, expected] of tagFaults) {
  test(`a tag pushed to ${name} is an error`, async (t) => {
    const { registry } = await startMemoryClient(t, { intercept: script(method, /manifests\/1$/, answers) });
    const image = sampleImage();
    await pushSample(registry, 'a', undefined, image, t);
    await assert.rejects(registry.pushTag('a', '1', image.root, { policy: 'error', signal: t.signal }), expected);
  });
}

test('a registry that does not tell which tags it has is pushed to all the same', async (t) => {
  const { memory, registry } = await startMemoryClient(t, {
    intercept: script('HEAD', /manifests\/1$/, [reply(403), reply(403)]),
  });
  await pushSample(registry, 'a', '1', sampleImage(), t);
  assert.ok(memory.store.manifest('a', '1'));
});

const certificates: readonly [file: string, expected: object][] = [
  ['expired.pem', { code: 'REGISTRY_UNTRUSTED', message: /expired on Feb {2}1 .* 2020/, hint: /renew it/ }],
  ['other-name.pem', { code: 'REGISTRY_UNTRUSTED', message: /is for DNS:registry\.example/ }],
];
for (const [certificate, expected] of certificates) {
  test(`the certificate ${certificate} is refused with its reason`, async (t) => {
    const { registry } = await startMemoryClient(t, { tls: true, certificate });
    await assert.rejects(registry.checkPush('a', t), expected);
  });
}

const unreachable: readonly [host: string, expected: object][] = [
  [
    'registry.invalid',
    { code: 'REGISTRY_UNREACHABLE', message: /^registry\.invalid (has no address|cannot be looked up)/, hint: /DNS/ },
  ],
  ['127.0.0.1:1', { code: 'REGISTRY_UNREACHABLE', message: /nothing listens there/, hint: /1 is its port/ }],
];
for (const [host, expected] of unreachable) {
  test(`${host} is unreachable, and that is said at once`, async (t) => {
    const { openRegistry } = await import('../../images/registry/registry.ts');
    const registry = openRegistry({ host, plainHttp: true }, { retry: { baseMs: 5 } });
    t.after(() => registry.close());
    await assert.rejects(registry.checkPush('a', t), expected);
  });
}

test('a registry that stops for a moment under way is waited for', async (t) => {
  const memory = await startMemoryRegistry();
  const { openRegistry } = await import('../../images/registry/registry.ts');
  const registry = openRegistry({ host: memory.host, plainHttp: true }, { retry: { baseMs: 50 } });
  t.after(() => registry.close());
  await registry.checkPush('a', t);
  await memory.stop();
  const asking = registry.hasBlob('a', digest, t);
  await new Promise((resolve) => setTimeout(resolve, 150));
  const again = createServer((request, response) => sendReply(request, response, reply(200)));
  await new Promise<void>((resolve) => again.listen(Number(memory.host.split(':')[1]), '127.0.0.1', resolve));
  t.after(() => stopServer(again));
  assert.equal(await asking, true);
});

test('questions keep their connection: HEADs one after the other do not open one each', async (t) => {
  const sockets = new Set<unknown>();
  const { registry } = await startMemoryClient(t, {
    intercept: ({ socket }) => {
      sockets.add(socket);
      return false;
    },
  });
  for (let asked = 0; asked < 5; asked += 1) await registry.headManifest('shop/web', 'none', { signal: t.signal });
  assert.ok(sockets.size <= 2, `${sockets.size} connections for 5 questions`);
});
