import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { pushBundle } from '../../images/push/push-bundle.ts';
import { type MemoryRegistry, type SeenRequest, startMemoryRegistry } from '../registries/memory-registry.ts';
import { redirecting } from '../registries/quirks/locations.ts';
import { cutAt } from '../registries/quirks/pulls.ts';
import { together, when } from '../registries/quirks/quirk.ts';
import { tokens } from '../registries/quirks/tokens.ts';
import { noMonolithicPut } from '../registries/quirks/uploads.ts';
import { complaint } from '../registries/reply.ts';
import { held, noise, sampleIndex } from '../registries/sample-images.ts';
import { testUser } from '../registries/start-registry.ts';
import { pullToFile, pushBytes } from './blob-calls.ts';
import { type MemoryClientOptions, seedBlob, startMemoryClient } from './memory-client.ts';
import { makeSamples, writeShop } from './sample-bundle.ts';

const blob = held('application/octet-stream', noise('sequence', 300_000));
const { digest, size } = blob.descriptor;

/** What of a request matters here, digests and ids shortened: `METHOD path | header: value …`. */
function lineOf({ method, url, headers }: SeenRequest, told: readonly string[]): string {
  const path = url.replace(/uploads\/[0-9a-f-]{36}/, 'uploads/<id>').replace(/sha256(:|%3A)([0-9a-f]{6})[0-9a-f]{58}/g, '$2');
  const values = told.flatMap((name) => (headers[name] === undefined ? [] : [`${name}: ${kindOf(String(headers[name]))}`]));
  return [`${method} ${path}`, ...values].join(' | ');
}

/** Of credentials the scheme; of a range that it has a beginning, for a reset may take unread bytes with it. */
function kindOf(value: string): string {
  return value.replace(/^(Basic|Bearer) .*/, '$1').replace(/^bytes=\d+-$/, 'bytes=<n>-');
}

const lines = ({ requests }: MemoryRegistry, ...told: string[]) => requests.map((request) => lineOf(request, told));
const short = digest.slice(7, 13);
const bearer: MemoryClientOptions = { credentials: { from: 'the test', ...testUser } };

test('a pull: challenge, token, redirect without Authorization, and after a cut again from the registry, by Range', async (t) => {
  const cdn = await startMemoryRegistry({ intercept: cutAt(120_000) });
  t.after(() => cdn.stop());
  seedBlob(cdn, 'shop/api', blob);
  const intercept = together(
    tokens(),
    redirecting(
      /\/blobs\/sha256/,
      307,
      () => cdn.origin,
      () => '?sig=a%2Bb',
    ),
  );
  const { memory, registry } = await startMemoryClient(t, { ...bearer, intercept });
  assert.ok((await pullToFile(registry, 'shop/api', blob, t)).equals(blob.bytes));
  const told = ['accept-encoding', 'authorization', 'range'];
  const get = `GET /v2/shop/api/blobs/${short}`;
  assert.deepEqual(lines(memory, ...told), [
    `${get} | accept-encoding: identity`,
    'GET /auth?service=odd&scope=repository%3Ashop%2Fapi%3Apull&account=porter | authorization: Basic',
    `${get} | accept-encoding: identity | authorization: Bearer`,
    `${get} | accept-encoding: identity | authorization: Bearer | range: bytes=<n>-`,
  ]);
  assert.deepEqual(lines(cdn, ...told), [
    `${get}?sig=a%2Bb | accept-encoding: identity`,
    `${get}?sig=a%2Bb | accept-encoding: identity | range: bytes=<n>-`,
  ]);
});

test('a push of a blob: asked for, then a mount or a session, and one PUT with its length', async (t) => {
  const { memory, registry } = await startMemoryClient(t);
  assert.equal(await pushBytes(registry, 'shop/api', blob, { signal: t.signal, mountFrom: 'other' }), 'pushed');
  assert.deepEqual(lines(memory, 'content-length', 'content-type'), [
    `HEAD /v2/shop/api/blobs/${short}`,
    `POST /v2/shop/api/blobs/uploads/?mount=${short}&from=other | content-length: 0`,
    `PUT /v2/shop/api/blobs/uploads/<id>?step=0&digest=${short} | content-length: ${size} | content-type: application/octet-stream`,
  ]);
});

test('a push of a blob where PUT is not taken: one PATCH with its length and no Content-Range, then the next Location', async (t) => {
  const { memory, registry } = await startMemoryClient(t, { intercept: noMonolithicPut() });
  assert.equal(await pushBytes(registry, 'shop/api', blob, t), 'pushed');
  assert.deepEqual(lines(memory, 'content-length', 'content-range').slice(-3), [
    'POST /v2/shop/api/blobs/uploads/ | content-length: 0',
    `PATCH /v2/shop/api/blobs/uploads/<id>?step=0 | content-length: ${size}`,
    `PUT /v2/shop/api/blobs/uploads/<id>?step=1&digest=${short} | content-length: 0`,
  ]);
});

test('a token that ends under an upload: a new token, a new session, and the bytes once more', async (t) => {
  let ended = false;
  const expire = when(
    'PUT',
    /uploads/,
    (_request, _response, { origin }) => {
      ended = true;
      const scope = 'repository:shop/api:pull,push';
      return complaint(401, 'UNAUTHORIZED', 'token expired', {
        'www-authenticate': `Bearer realm="${origin}/auth",service="odd",scope="${scope}"`,
      });
    },
    1,
  );
  const { memory, registry } = await startMemoryClient(t, { ...bearer, intercept: together(expire, tokens()) });
  assert.equal(await pushBytes(registry, 'shop/api', blob, t), 'pushed');
  assert.ok(ended && memory.store.blob('shop/api', digest)?.equals(blob.bytes));
  const seen = memory.requests.map(({ method, url }) => (url.startsWith('/auth') ? 'token' : method));
  assert.ok(seen.lastIndexOf('token') > seen.indexOf('PUT'), seen.join(' '));
});

test('a bundle: blobs, then the manifests of platforms, then their index by digest, and the tag last of all', async (t) => {
  const image = sampleIndex(['linux/amd64', 'linux/arm64'], { seed: 'sequence' });
  const { file } = await writeShop(t, await makeSamples([['docker.io/library/web:2', image]]));
  const bundle = await openBundle(file, t);
  t.after(() => bundle.close());
  const { memory, registry } = await startMemoryClient(t);
  await pushBundle(bundle, registry, { host: memory.host, prefix: 'shop' }, t);
  const root = image.root.descriptor;
  const puts = memory.requests.filter(
    ({ method, url }) => method === 'PUT' && (url.includes('docker.io') || url.includes('/uploads/')),
  );
  const kinds = puts.map(({ url }) => {
    if (url.includes('/uploads/')) return 'blob';
    if (url.endsWith(root.digest)) return 'index by digest';
    return url.includes('sha256:') ? 'platform' : 'tag';
  });
  const counted = kinds.filter((kind, at) => kind !== kinds[at - 1]);
  assert.deepEqual(counted, ['blob', 'platform', 'index by digest', 'tag']);
  assert.equal(kinds.filter((kind) => kind === 'platform').length, 2);
  const [byDigest, byTag] = puts.slice(-2);
  assert.equal(byDigest?.headers['content-type'], root.mediaType);
  assert.equal(byTag?.headers['content-type'], root.mediaType);
  assert.equal(memory.store.manifest('shop/docker.io/library/web', '2')?.digest, root.digest);
});
