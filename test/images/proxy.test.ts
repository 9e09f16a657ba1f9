import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { planImages } from '../../images/plan/plan-images.ts';
import { parseReference, type Reference } from '../../images/reference.ts';
import { proxyOf } from '../../images/registry/proxy.ts';
import { openRegistry, type Registry } from '../../images/registry/registry.ts';
import { type ConnectProxy, startConnectProxy } from '../registries/connect-proxy.ts';
import { type MemoryRegistry, startMemoryRegistry } from '../registries/memory-registry.ts';
import { pushSample, sampleImage, sampleIndex } from '../registries/sample-images.ts';

const environments: readonly [name: string, env: Record<string, string>, url: string, proxy: string | undefined][] = [
  ['nothing', {}, 'https://r.io/', undefined],
  ['HTTPS_PROXY', { HTTPS_PROXY: 'http://p:1' }, 'https://r.io/', 'p:1'],
  ['https_proxy in lower case, which wins', { HTTPS_PROXY: 'http://p:1', https_proxy: 'http://q:2' }, 'https://r.io/', 'q:2'],
  ['a proxy without a scheme', { HTTPS_PROXY: 'p:3128' }, 'https://r.io/', 'p:3128'],
  ['an empty HTTPS_PROXY', { https_proxy: '', HTTPS_PROXY: 'http://p:1' }, 'https://r.io/', undefined],
  ['HTTP_PROXY for https', { HTTP_PROXY: 'http://p:1' }, 'https://r.io/', undefined],
  ['HTTP_PROXY for http', { HTTP_PROXY: 'http://p:1' }, 'http://r.io/', 'p:1'],
  ['loopback by name', { HTTPS_PROXY: 'http://p:1' }, 'https://localhost:5000/', undefined],
  ['loopback by address', { HTTPS_PROXY: 'http://p:1' }, 'https://127.0.0.1:5000/', undefined],
  ['loopback of IPv6', { HTTPS_PROXY: 'http://p:1' }, 'https://[::1]:5000/', undefined],
];
for (const [name, env, url, expected] of environments) {
  test(`with ${name}, ${url} is reached ${expected === undefined ? 'directly' : `through ${expected}`}`, () => {
    assert.equal(proxyOf(new URL(url), env)?.host, expected);
  });
}

const exceptions: readonly [noProxy: string, url: string, direct: boolean][] = [
  ['*', 'https://r.io/', true],
  ['r.io', 'https://r.io/', true],
  ['R.IO', 'https://r.io/', true],
  ['r.io', 'https://a.r.io/', true],
  ['r.io', 'https://ar.io/', false],
  ['r.io', 'https://r.io.evil.example/', false],
  ['.r.io', 'https://a.r.io/', true],
  ['.r.io', 'https://r.io/', true],
  ['*.r.io', 'https://a.r.io/', true],
  ['*.r.io', 'https://r.io/', false],
  ['r.io:5000', 'https://r.io:5000/', true],
  ['r.io:5000', 'https://r.io/', false],
  ['r.io:443', 'https://r.io/', true],
  ['q.io, r.io', 'https://r.io/', true],
  ['q.io r.io', 'https://r.io/', true],
  ['10.1.2.3', 'https://10.1.2.3/', true],
  ['10.1.2.3', 'https://10.1.2.30/', false],
  ['10.0.0.0/8', 'https://10.1.2.3/', true],
  ['10.0.0.0/8', 'https://11.1.2.3/', false],
  ['10.0.0.0/8:5000', 'https://10.1.2.3:5000/', true],
  ['10.0.0.0/99', 'https://10.1.2.3/', false],
  ['fd00::/8', 'https://[fd00::1]/', true],
  ['fd00::1', 'https://[fd00::1]:5000/', true],
  ['[fd00::1]:5000', 'https://[fd00::1]:5000/', true],
  ['[fd00::1]:5000', 'https://[fd00::1]/', false],
  ['10.0.0.0/8', 'https://r.io/', false],
  ['', 'https://r.io/', false],
  [',, ,', 'https://r.io/', false],
];
for (const [noProxy, url, direct] of exceptions) {
  test(`NO_PROXY=${JSON.stringify(noProxy)} ${direct ? 'excepts' : 'does not except'} ${url}`, () => {
    assert.equal(proxyOf(new URL(url), { HTTPS_PROXY: 'http://p:1', NO_PROXY: noProxy }) === undefined, direct);
  });
}

test('a proxy that is no URL is told by its variable, not by its value', () => {
  assert.throws(
    () => proxyOf(new URL('https://r.io/'), { HTTPS_PROXY: 'http://user:s3cret@' }),
    (error: Error & { hint?: string }) => {
      assert.doesNotMatch(`${error.message} ${error.hint}`, /s3cret/);
      return /proxy of HTTPS_PROXY/.test(error.message);
    },
  );
});

const user = { username: 'porter', password: 'p@ss:w/rd' };

for (const tls of [true, false]) {
  test(`an image goes up and down through a proxy that wants a password, over ${tls ? 'https' : 'http'}`, async (t) => {
    const { registry, proxy } = await behindProxy(t, { tls, user, login: user });
    const image = sampleImage({ layers: [200_000] });
    await pushSample(registry, 'shop/api', '1', image, t);
    assert.deepEqual(await registry.fetchManifest('shop/api', '1', t), image.root);
    for (const { descriptor, bytes } of image.blobs) assert.deepEqual(await registry.fetchBlob('shop/api', descriptor, t), bytes);
    assert.match(
      proxy.seen[0] ?? '',
      tls ? /^CONNECT registry\.example:\d+$/ : /^(CONNECT registry|\w+ http:\/\/registry)\.example/,
    );
  });
}

test('Docker Hub: redis is library/redis at registry-1.docker.io; a manifest is asked for once, and by HEAD what is only looked at', async (t) => {
  const { proxy, memory } = await behindProxy(t, {});
  setProxy(t, `http://${proxy.host}`);
  const port = memory.host.split(':')[1];
  const hub = openRegistry({ host: 'docker.io', plainHttp: true }, { retry: { baseMs: 5, tries: 3 } });
  t.after(() => hub.close());
  const image = sampleIndex(['linux/amd64', 'linux/arm64'], { seed: 'hub' });
  const registry = openRegistry({ host: memory.host, plainHttp: true });
  t.after(() => registry.close());
  await pushSample(registry, 'library/redis', '7', image, t);
  memory.requests.length = 0;
  proxy.leadTo(Number(port));
  const requests = [{ reference: parseReference('redis:7') }, { reference: parseReference('docker.io/redis:7') }];
  const locate = ({ host, repository }: Reference) => {
    assert.equal(host, 'docker.io');
    return { registry: hub, repository };
  };
  const plans = await planImages(requests, { locate, platforms: ['linux/amd64'], signal: t.signal });
  assert.equal(plans.length, 2);
  assert.deepEqual(await hub.headManifest('library/redis', '7', t), image.root.descriptor);
  assert.ok(
    proxy.seen.every((line) => /^\w+ http:\/\/registry-1\.docker\.io\//.test(line)),
    proxy.seen.join('\n'),
  );
  const gets = memory.requests.filter(({ method, url }) => method === 'GET' && url.includes('/manifests/'));
  assert.deepEqual(gets.map(({ url }) => url.replace(/.*manifests./, '')).sort(), ['7', image.manifests[0]?.descriptor.digest]);
  assert.ok(memory.requests.every(({ headers }) => headers.host === 'registry-1.docker.io'));
});

const refusals: readonly [name: string, options: Parameters<typeof behindProxy>[1], says: RegExp, hint: RegExp][] = [
  ['that wants a password', { user }, /the proxy 127\.0\.0\.1:\d+.*407/, /HTTPS?_PROXY/],
  ['that wants another password', { user, login: { ...user, password: 'wr0ng-secret' } }, /the proxy.*407/, /HTTPS?_PROXY/],
  ['that forbids the host', { refusal: 403 }, /the proxy.*403/, /NO_PROXY/],
  ['that cannot reach the host', { refusal: 502 }, /the proxy.*502/, /proxy/],
  ['that has too much to do', { refusal: 503 }, /the proxy.*503/, /proxy/],
];
for (const [name, options, says, hint] of refusals) {
  for (const tls of [true, false]) {
    test(`a proxy ${name} is told as such over ${tls ? 'https' : 'http'}, without the password`, async (t) => {
      const { registry } = await behindProxy(t, { ...options, tls });
      await assert.rejects(registry.fetchManifest('a', '1', t), (error: Error & { code?: string; hint?: string }) => {
        assert.equal(error.code, 'REGISTRY_UNREACHABLE');
        assert.match(error.message, says);
        assert.match(error.hint ?? '', hint);
        assert.doesNotMatch(`${error.message} ${error.hint} ${error.cause} ${error.stack}`, /wr0ng-secret|p@ss|porter/);
        return true;
      });
    });
  }
}

test('a proxy that nobody listens at is unreachable, and named', async (t) => {
  const { registry, proxy } = await behindProxy(t, { tls: true });
  await proxy.stop();
  await assert.rejects(registry.fetchManifest('a', '1', t), {
    code: 'REGISTRY_UNREACHABLE',
    message: /through the proxy 127\.0\.0\.1:/,
  });
});

test('an untrusted certificate behind a proxy is told as that', async (t) => {
  const { registry } = await behindProxy(t, { tls: true, trusted: false });
  await assert.rejects(registry.fetchManifest('a', '1', t), {
    code: 'REGISTRY_UNTRUSTED',
    message: /issued by "diolkos test CA/,
  });
});

async function behindProxy(
  t: TestContext,
  options: {
    readonly tls?: boolean;
    readonly trusted?: boolean;
    readonly user?: typeof user;
    readonly login?: typeof user;
    readonly refusal?: number;
  },
): Promise<{ registry: Registry; proxy: ConnectProxy; memory: MemoryRegistry }> {
  const memory = await startMemoryRegistry({ tls: options.tls === true, certificate: 'other-name.pem' });
  const proxy = await startConnectProxy(options);
  const { login } = options;
  const pair = login === undefined ? '' : `${login.username}:${encodeURIComponent(login.password)}@`;
  setProxy(t, `http://${pair}${proxy.host}`);
  const host = `registry.example:${memory.host.split(':')[1]}`;
  const ca = options.trusted === false || memory.ca === undefined ? {} : { ca: memory.ca };
  const registry = openRegistry({ host, plainHttp: options.tls !== true, ...ca }, { retry: { baseMs: 5, tries: 3 } });
  t.after(async () => {
    await registry.close();
    await proxy.stop();
    await memory.stop();
  });
  return { registry, proxy, memory };
}

function setProxy(t: TestContext, url: string): void {
  for (const name of ['HTTPS_PROXY', 'HTTP_PROXY']) {
    process.env[name] = url;
    t.after(() => delete process.env[name]);
  }
}
