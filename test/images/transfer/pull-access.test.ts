import assert from 'node:assert/strict';
import dns from 'node:dns';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openRegistry } from '../../../images/registry/registry.ts';
import type { RegistryAccess } from '../../../images/registry/registry-access.ts';
import { Connection } from '../../../images/transfer/connection.ts';
import { openTransfers } from '../../../images/transfer/transfers.ts';
import { type MemoryOptions, type MemoryRegistry, startMemoryRegistry } from '../../registries/memory-registry.ts';
import { held, noise } from '../../registries/sample-images.ts';
import { pullToFile } from '../blob-calls.ts';
import { seedBlob } from '../memory-client.ts';

const blob = held('application/octet-stream', noise('access', 700_000));
const certificate = (name: string): string =>
  readFileSync(join(import.meta.dirname, '../../registries/certificates', name), 'utf8');

async function start(t: TestContext, options: MemoryOptions = {}, repository = 'a'): Promise<MemoryRegistry> {
  const memory = await startMemoryRegistry(options);
  t.after(() => memory.stop());
  seedBlob(memory, repository, blob);
  return memory;
}

/** Pulls the blob by a thread: proxies apart, nothing else asks for a blob that goes into a file. */
async function pull(t: TestContext, access: RegistryAccess): Promise<Buffer> {
  const transfers = openTransfers({ threads: 1 });
  const registry = openRegistry(access, { transfers, retry: { baseMs: 5, tries: 3 } });
  t.after(async () => {
    await registry.close();
    await transfers.close();
  });
  return pullToFile(registry, 'a', blob, t);
}

test('a thread shows the client certificate of its registry', async (t) => {
  const { host, ca } = await start(t, { tls: true, knownClients: true });
  const access = { host, plainHttp: false, ...(ca && { ca }) };
  const pair = { cert: certificate('client.pem'), key: certificate('server-key.pem') };
  assert.ok((await pull(t, { ...access, ...pair })).equals(blob.bytes));
  await assert.rejects(pull(t, access), { code: 'REGISTRY_UNTRUSTED', message: /wants a client certificate/ });
});

test('a thread asks a mirror of hosts.toml by its path, with ?ns=', async (t) => {
  const memory = await start(t, {}, 'hub/a');
  const access = { host: memory.host, plainHttp: true, basePath: '/v2/hub/', namespace: 'docker.io' };
  assert.ok((await pull(t, access)).equals(blob.bytes));
  assert.deepEqual(
    memory.requests.map(({ method, url }) => `${method} ${url}`),
    [`GET /v2/hub/a/blobs/${blob.descriptor.digest}?ns=docker.io`],
  );
});

for (const tls of [false, true]) {
  const over = tls ? 'https' : 'http';
  test(`a thread reaches localhost and [::1] by their names, over ${over}`, async (t) => {
    const memory = await start(t, { tls });
    const port = Number(memory.host.split(':')[1]);
    const access = { plainHttp: !tls, ...(memory.ca && { ca: memory.ca }) };
    const sixth = `[::1]:${await listenOnSix(t, port)}`;
    for (const host of [`localhost:${port}`, sixth]) {
      assert.ok((await pull(t, { host, ...access })).equals(blob.bytes), host);
      assert.equal(memory.requests.at(-1)?.headers.host, host);
    }
  });

  test(`a name with two addresses, of which one does not answer, is reached by the other, over ${over}`, async (t) => {
    const memory = await start(t, { tls });
    const port = Number(memory.host.split(':')[1]);
    const addresses = [
      { address: '::1', family: 6 },
      { address: '127.0.0.1', family: 4 },
    ];
    const lookup = (_host: string, _options: object, done: (error: null, found: typeof addresses) => void) =>
      done(null, addresses);
    t.mock.method(dns, 'lookup', lookup);
    const connection = new Connection(
      { host: 'localhost', port, ...(tls && { tls: memory.ca === undefined ? {} : { ca: memory.ca } }) },
      5_000,
    );
    t.after(() => connection.destroy());
    await connection.opened;
    const answer = new Promise<string>((resolve) => {
      connection.attach({ onBytes: (bytes) => resolve(bytes.toString('latin1')), onEnd: (error) => resolve(String(error)) });
    });
    connection.send('GET /v2/ HTTP/1.1\r\nhost: localhost\r\n\r\n');
    assert.match(await answer, /^HTTP\/1\.1 200 /);
  });
}

/** A door on ::1 to what listens on 127.0.0.1. */
async function listenOnSix(t: TestContext, port: number): Promise<number> {
  const door = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on('error', () => near.destroy());
  });
  await new Promise<void>((resolve) => door.listen(0, '::1', resolve));
  t.after(() => door.close());
  return (door.address() as AddressInfo).port;
}

test('a thread that dies fails what is under way by name, at once, and the next task has another', {
  timeout: 30_000,
}, async (t) => {
  const transfers = openTransfers({ threads: 1 });
  t.after(() => transfers.close());
  const memory = await start(t, {
    // The first answer never ends.
    intercept: (request, response) => {
      const isFirst = memory.requests.length === 1 && request.url?.includes('/blobs/') === true;
      if (isFirst) response.writeHead(200, { 'content-length': blob.bytes.length }).write(blob.bytes.subarray(0, 1000));
      return isFirst;
    },
  });
  const registry = openRegistry({ host: memory.host, plainHttp: true }, { transfers });
  t.after(() => registry.close());
  const pulling = pullToFile(registry, 'a', blob, t);
  const failed = assert.rejects(pulling, {
    message: /^a transfer thread died during the pull of 127\.0\.0\.1:\d+\/v2\/a\/blobs\/sha256:\w+: .*memory/,
  });
  while (memory.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  // More than the heap of a thread holds.
  const extents = Array.from({ length: 1_500_000 }, (_, position) => ({ fd: 0, position, size: 0 }));
  const own = assert.rejects(transfers.hash(extents, t), {
    code: 'THREAD_DIED',
    message: /^a transfer thread died during the hashing of 0 bytes: /,
  });
  await Promise.all([failed, own]);
  assert.ok((await pullToFile(registry, 'a', blob, t)).equals(blob.bytes));
});
