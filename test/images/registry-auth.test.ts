import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseChallenge } from '../../images/registry/auth-challenge.ts';
import { openRegistry } from '../../images/registry/registry.ts';
import { orderScopes } from '../../images/registry/registry-auth.ts';
import { bodyOf, complaint, reply, sendReply } from '../registries/reply.ts';
import { held, noise, pushSample, sampleImage } from '../registries/sample-images.ts';
import { testUser } from '../registries/start-registry.ts';
import { type MemoryClientOptions, matches, seedBlob, startMemoryClient } from './memory-client.ts';

const bearer = { scheme: 'bearer', realm: 'https://auth.example/token', scopes: [] };

const challenges: readonly [name: string, headers: string | string[] | undefined, expected: object | undefined][] = [
  ['no header', undefined, undefined],
  ['Basic', 'Basic realm="x"', { scheme: 'basic' }],
  ['a bare Basic', 'BASIC', { scheme: 'basic' }],
  [
    'Bearer',
    'Bearer realm="https://auth.example/token",service="r.io",scope="repository:a:pull repository:b:pull,push"',
    { ...bearer, service: 'r.io', scopes: ['repository:a:pull', 'repository:b:pull,push'] },
  ],
  [
    'Bearer without quotes and with spaces',
    'bearer realm=https://auth.example/token , service = r.io',
    { ...bearer, service: 'r.io' },
  ],
  ['Basic before Bearer in one header', 'Basic realm="a, b", Bearer realm="https://auth.example/token"', bearer],
  ['Basic and Bearer in two headers', ['Basic realm="x"', 'Bearer realm="https://auth.example/token"'], bearer],
  ['schemes that we do not know', 'Negotiate, NTLM TlRMTVNTUAAB=, Basic realm="x"', { scheme: 'basic' }],
  ['a quote within a quote', 'Bearer realm="https://auth.example/token",service="a\\"b"', { ...bearer, service: 'a"b' }],
  ['Bearer without realm', 'Bearer service="r.io"', undefined],
  ['an unfinished quote', 'Bearer realm="https://auth.example', undefined],
  ['noise', '=,="",;;\u0000', undefined],
];
for (const [name, headers, expected] of challenges) {
  test(`of ${name} the challenge is ${JSON.stringify(expected)}`, () => assert.deepEqual(chooseChallenge(headers), expected));
}

test('a challenge of a megabyte is read at once', () => {
  const begin = performance.now();
  chooseChallenge(`Bearer ${'a='.repeat(500_000)}`);
  chooseChallenge('Bearer realm="'.repeat(50_000));
  assert.ok(performance.now() - begin < 1000);
});

const tokens: MemoryClientOptions = { user: testUser, scheme: 'bearer' };
const isToken = (line: string) => line.startsWith('GET /token') || line.startsWith('POST /token');

test('one token serves many requests at once, and is asked for with service, scope and account', async (t) => {
  const { memory, registry, wire } = await startMemoryClient(t, tokens);
  const blob = held('x', noise('token', 1000));
  seedBlob(memory, 'a', blob);
  await Promise.all(Array.from({ length: 10 }, () => registry.fetchBlob('a', blob.descriptor, t)));
  assert.deepEqual(wire().filter(isToken), ['GET /token?service=memory&scope=repository%3Aa%3Apull&account=porter']);
  assert.ok(memory.requests.every(({ url, headers }) => url.startsWith('/token') || !headers.authorization?.startsWith('Basic')));
});

test('a push asks for the right to push, a mount for the right to read there too', async (t) => {
  const { memory, registry, wire } = await startMemoryClient(t, tokens);
  const blob = held('x', noise('mount', 1000));
  seedBlob(memory, 'from', blob);
  const body = { open: () => assert.fail('it is mounted'), prove: async () => undefined };
  assert.equal(await registry.pushBlob('to', blob.descriptor, body, { signal: t.signal, mountFrom: 'from' }), 'mounted');
  const scopes = wire()
    .filter(isToken)
    .map((line) => new URL(line.slice(4), 'http://x').searchParams.getAll('scope'));
  assert.deepEqual(scopes, [['repository:to:pull,push'], ['repository:to:pull,push', 'repository:from:pull']]);
});

test('a token that ends early is fetched anew, also under an upload, whose bytes are sent again', async (t) => {
  let expire = () => undefined as undefined;
  const { memory, registry, wire } = await startMemoryClient(t, {
    ...tokens,
    intercept: (request) => {
      if (matches(request, 'PUT', /uploads/)) expire();
      return false;
    },
  });
  expire = () => {
    memory.auth.expireTokens();
    expire = () => undefined;
  };
  const image = sampleImage();
  const sampleSize = image.blobs.length;
  await pushSample(registry, 'a', '1', image, t);
  assert.ok(wire().filter(isToken).length >= 2);
  const puts = wire().filter((line) => /^PUT .*uploads/.test(line));
  assert.equal(puts.length, sampleSize + 1, 'one upload was sent again');
  assert.equal(memory.store.manifest('a', '1')?.mediaType, 'application/vnd.oci.image.manifest.v1+json');
});

const orders: readonly [name: string, scopes: readonly string[], expected: readonly string[]][] = [
  [
    'the right to push before that to mount',
    ['repository:from:pull', 'repository:to:pull,push'],
    ['repository:to:pull,push', 'repository:from:pull'],
  ],
  [
    'what a challenge names before what we would ask',
    ['repository:mapped/a:pull', 'repository:a:pull'],
    ['repository:mapped/a:pull', 'repository:a:pull'],
  ],
  ['no scope that another covers', ['repository:a:pull', 'repository:a:pull,push'], ['repository:a:pull,push']],
  ['nothing twice', ['repository:a:pull', 'repository:a:pull'], ['repository:a:pull']],
  ['a scope of another make as it is (Gitea)', ['*', 'repository:a:pull'], ['*', 'repository:a:pull']],
];
for (const [name, scopes, expected] of orders) {
  test(`scopes: ${name}`, () => assert.deepEqual(orderScopes(scopes), expected));
}

test('a token of too little scope, told by 403, is replaced by one for the scope that was named', async (t) => {
  const { memory, registry, wire } = await startMemoryClient(t, {
    ...tokens,
    intercept: (request, response) => {
      if (!matches(request, 'GET', /blobs/) || memoryAsked()) return false;
      const scope = 'repository:a:pull,delete';
      const challenge = `Bearer realm="http://${request.headers.host}/token",service="memory",scope="${scope}",error="insufficient_scope"`;
      sendReply(request, response, complaint(403, 'DENIED', 'more', { 'www-authenticate': challenge }));
      return true;
    },
  });
  const memoryAsked = () => wire().some((line) => line.includes('delete'));
  const blob = held('x', noise('scope', 10));
  seedBlob(memory, 'a', blob);
  assert.deepEqual(await registry.fetchBlob('a', blob.descriptor, t), blob.bytes);
});

test('credentials and tokens are of a repository, where the config holds them by path', async (t) => {
  const { memory, wire } = await startMemoryClient(t, tokens);
  const asked: (string | undefined)[] = [];
  const known = { from: 'f', ...testUser };
  const registry = openRegistry({
    host: memory.host,
    plainHttp: true,
    credentials: async ({ repository }) => {
      asked.push(repository);
      return repository === 'mine' ? known : undefined;
    },
  });
  t.after(() => registry.close());
  const blob = held('x', noise('path', 10));
  for (const name of ['mine', 'other']) seedBlob(memory, name, blob);
  await registry.fetchBlob('mine', blob.descriptor, t);
  await registry.fetchBlob('mine', blob.descriptor, t);
  await assert.rejects(registry.fetchBlob('other', blob.descriptor, t), { code: 'REGISTRY_DENIED' });
  assert.deepEqual(asked, ['mine', 'other']);
  assert.equal(
    wire()
      .filter(isToken)
      .filter((line) => line.includes('account')).length,
    1,
  );
});

/** A token server that knows how to be strange. */
function tokenServer(
  answerToken: (form: URLSearchParams, method: string, authorization: string | undefined) => ReturnType<typeof reply>,
) {
  const intercept: MemoryClientOptions['intercept'] = async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    const form = request.method === 'POST' ? new URLSearchParams((await bodyOf(request)).toString()) : url.searchParams;
    if (url.pathname === '/auth') {
      sendReply(request, response, answerToken(form, request.method ?? '', request.headers.authorization));
      return true;
    }
    if (request.headers.authorization === 'Bearer good') return false;
    const challenge = `Bearer realm="http://${request.headers.host}/auth?tenant=7",service="s"`;
    sendReply(request, response, complaint(401, 'UNAUTHORIZED', 'who are you', { 'www-authenticate': challenge }));
    return true;
  };
  return intercept;
}

test('a realm keeps its own query, and the token may be called access_token', async (t) => {
  const asked: string[] = [];
  const intercept = tokenServer((form) => {
    asked.push(form.toString());
    return reply(200, {}, JSON.stringify({ access_token: 'good', token: '' }));
  });
  const { memory, registry } = await startMemoryClient(t, { intercept });
  const blob = held('x', noise('realm', 10));
  seedBlob(memory, 'a', blob);
  await registry.fetchBlob('a', blob.descriptor, t);
  assert.deepEqual(asked, ['tenant=7&service=s&scope=repository%3Aa%3Apull']);
});

test('an identity token is exchanged by POST, and what replaces it is used next', async (t) => {
  const asked: string[] = [];
  const intercept = tokenServer((form, method) => {
    asked.push(`${method} ${form.get('grant_type')} ${form.get('refresh_token')} ${form.get('scope')}`);
    return reply(200, {}, JSON.stringify({ access_token: 'good', refresh_token: 'second' }));
  });
  const { memory, registry } = await startMemoryClient(t, { intercept, credentials: { from: 'f', identityToken: 'first' } });
  const blob = held('x', noise('identity', 10));
  for (const repository of ['a', 'b']) {
    seedBlob(memory, repository, blob);
    await registry.fetchBlob(repository, blob.descriptor, t);
  }
  assert.deepEqual(asked, ['POST refresh_token first repository:a:pull', 'POST refresh_token second repository:b:pull']);
});

test('where an identity token cannot be POSTed it is the password of a GET', async (t) => {
  const expected = `Basic ${Buffer.from('<token>:idt').toString('base64')}`;
  const intercept = tokenServer((_form, method, authorization) => {
    if (method === 'POST') return reply(404);
    return authorization === expected ? reply(200, {}, '{"token":"good"}') : complaint(401, 'DENIED', 'no');
  });
  const { memory, registry } = await startMemoryClient(t, { intercept, credentials: { from: 'f', identityToken: 'idt' } });
  const blob = held('x', noise('get', 10));
  seedBlob(memory, 'a', blob);
  assert.deepEqual(await registry.fetchBlob('a', blob.descriptor, t), blob.bytes);
});

for (const status of [400, 401, 405]) {
  test(`where a POST is answered by ${status} the identity token is the password of a GET`, async (t) => {
    const intercept = tokenServer((_form, method) => (method === 'POST' ? reply(status) : reply(200, {}, '{"token":"good"}')));
    const { memory, registry } = await startMemoryClient(t, { intercept, credentials: { from: 'f', identityToken: 'idt' } });
    const blob = held('x', noise('get', 10));
    seedBlob(memory, 'a', blob);
    assert.deepEqual(await registry.fetchBlob('a', blob.descriptor, t), blob.bytes);
  });
}

test('an identity token that is good for neither is told with the words of the POST', async (t) => {
  const refused = reply(401, {}, '{"error":"invalid_grant","error_description":"the refresh token has expired"}');
  const intercept = tokenServer((_form, method) => (method === 'POST' ? refused : complaint(401, 'DENIED', 'no password')));
  const { registry } = await startMemoryClient(t, { intercept, credentials: { from: 'f', identityToken: 'idt-s3cret' } });
  await assert.rejects(registry.fetchManifest('a', '1', t), (error: Error & { code?: string; hint?: string }) => {
    assert.equal(error.code, 'REGISTRY_DENIED');
    assert.doesNotMatch(`${error.message} ${error.hint}`, /s3cret/);
    return /refresh token has expired/.test(error.message);
  });
});

const refusals: readonly [name: string, answer: ReturnType<typeof reply>, expected: object][] = [
  [
    'a plan that is used up',
    complaint(403, 'DENIED', 'registry contains 1 repositories, limit is 1'),
    { code: 'REGISTRY_DENIED', message: /limit is 1/ },
  ],
  ['no token in the reply', reply(200, {}, '{"tok":"s3cret"}'), { code: 'REGISTRY_FAILED', message: /without a token$/ }],
  ['a reply that is no JSON', reply(200, {}, 's3cret'), { code: 'REGISTRY_FAILED', message: /without a token$/ }],
  [
    'a reply of a megabyte',
    reply(200, {}, `{"token":"${'x'.repeat(1 << 20)}"}`),
    { code: 'REGISTRY_FAILED', message: /without a token$/ },
  ],
];
for (const [name, answer, expected] of refusals) {
  test(`a token server with ${name} is an error`, async (t) => {
    const { registry } = await startMemoryClient(t, { intercept: tokenServer(() => answer) });
    await assert.rejects(registry.fetchManifest('a', '1', t), expected);
  });
}

test('a registry that challenges at /v2/ only is asked there', async (t) => {
  const { memory, registry, wire } = await startMemoryClient(t, {
    user: testUser,
    intercept: (request, response) => {
      if (request.headers.authorization !== undefined || request.url === '/v2/') return false;
      sendReply(request, response, complaint(401, 'UNAUTHORIZED', 'no challenge here'));
      return true;
    },
  });
  const blob = held('x', noise('ping', 10));
  seedBlob(memory, 'a', blob);
  assert.deepEqual(await registry.fetchBlob('a', blob.descriptor, t), blob.bytes);
  assert.equal(wire()[1], 'GET /v2/');
});

test('a token server that redirects to plain http, or out of http altogether, is not followed', async (t) => {
  for (const location of ['file:///etc/passwd', 'http://169.254.169.254/latest/meta-data']) {
    const seen: string[] = [];
    const intercept: MemoryClientOptions['intercept'] = (request, response) => {
      seen.push(request.url ?? '');
      const challenge = `Bearer realm="http://${request.headers.host}/auth",service="s"`;
      const redirect = request.url?.startsWith('/auth');
      sendReply(
        request,
        response,
        redirect ? reply(302, { location }) : complaint(401, 'X', 'x', { 'www-authenticate': challenge }),
      );
      return true;
    };
    const { registry } = await startMemoryClient(t, { intercept, user: testUser });
    await assert.rejects(registry.fetchManifest('a', '1', t), { code: 'REGISTRY_FAILED', message: /is not http|link-local/ });
    assert.equal(seen.length, 2);
  }
});

test('credentials stay behind when the token server redirects to another host', async (t) => {
  const seen: (string | undefined)[] = [];
  const { memory: other } = await startMemoryClient(t, {
    intercept: (request, response) => {
      seen.push(request.headers.authorization);
      sendReply(request, response, reply(200, {}, '{"token":"good"}'));
      return true;
    },
  });
  const intercept: MemoryClientOptions['intercept'] = (request, response) => {
    const challenge = `Bearer realm="http://${request.headers.host}/auth",service="s"`;
    const { authorization } = request.headers;
    if (authorization === 'Bearer good') return false;
    const isRealm = request.url?.startsWith('/auth');
    if (isRealm) seen.push(authorization?.split(' ')[0]);
    sendReply(
      request,
      response,
      isRealm ? reply(307, { location: `${other.origin}/token` }) : complaint(401, 'X', 'x', { 'www-authenticate': challenge }),
    );
    return true;
  };
  const { memory, registry } = await startMemoryClient(t, { intercept, credentials: { from: 'f', ...testUser } });
  const blob = held('x', noise('realm redirect', 10));
  seedBlob(memory, 'a', blob);
  await registry.fetchBlob('a', blob.descriptor, t);
  assert.deepEqual(seen, ['Basic', undefined]);
});

test('an identity token, which is the body of a POST, does not follow a redirect to another host', async (t) => {
  const seen: string[] = [];
  const { memory: other } = await startMemoryClient(t, {
    intercept: (request, response) => {
      seen.push(request.url ?? '');
      sendReply(request, response, reply(200, {}, '{"token":"good"}'));
      return true;
    },
  });
  const intercept = tokenServer(() => reply(307, { location: `${other.origin}/token` }));
  const { registry } = await startMemoryClient(t, { intercept, credentials: { from: 'f', identityToken: 'idt-s3cret' } });
  await assert.rejects(registry.fetchManifest('a', '1', t), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'REGISTRY_FAILED');
    assert.doesNotMatch(error.message, /s3cret/);
    return /sends a login on to http/.test(error.message);
  });
  assert.deepEqual(seen, []);
});

test('a token server at an address of our own network, named by a host outside, is not asked', async (t) => {
  const { checkDestination } = await import('../../images/registry/registry-destination.ts');
  const cases: readonly [from: string, to: string, refused: RegExp | undefined][] = [
    ['https://registry.invalid/', 'https://auth.r.io/token', undefined],
    ['https://registry.invalid/', 'http://auth.r.io/token', /leave https for http/],
    ['https://registry.invalid/', 'https://10.1.2.3/token', /network we are in/],
    ['https://registry.invalid/', 'https://127.0.0.1/token', /network we are in/],
    ['https://registry.invalid/', 'https://localhost/token', /network we are in/],
    ['https://registry.invalid/', 'https://x.localhost./token', /network we are in/],
    ['https://registry.invalid/', 'https://100.64.7.8/token', /network we are in/],
    ['https://registry.invalid/', 'https://[::1]/token', /network we are in/],
    ['https://registry.invalid/', 'https://[fd00::1]/token', /network we are in/],
    ['https://registry.invalid/', 'https://[::ffff:10.0.0.1]/token', /network we are in/],
    ['https://registry.invalid/', 'https://0x7f000001/token', /network we are in/],
    ['https://10.1.2.3/', 'https://10.9.9.9/token', undefined],
    ['https://localhost/', 'https://10.9.9.9/token', undefined],
    ['https://10.1.2.3/', 'https://169.254.169.254/latest', /link-local/],
    ['http://localhost:5000/', 'http://127.0.0.1:5001/', undefined],
    ['https://registry.invalid/', 'file:///etc/passwd', /not http/],
  ];
  for (const [from, to, refused] of cases) {
    const check = () => checkDestination('r.io', new URL(from), new URL(to), 'its token server');
    if (refused === undefined) await check();
    else await assert.rejects(check, { code: 'REGISTRY_FAILED', message: refused }, `${from} ${to}`);
  }
  t.diagnostic(`${cases.length} destinations`);
});
