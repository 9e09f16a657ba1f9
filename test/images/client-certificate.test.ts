import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { certificatesOfMachine } from '../../images/registry/certs-directory.ts';
import { readClientCertificate } from '../../images/registry/client-certificate.ts';
import { connectionFailure, connectionTrouble } from '../../images/registry/connection-failure.ts';
import { openRegistry, type Registry } from '../../images/registry/registry.ts';
import type { RegistryAccess } from '../../images/registry/registry-access.ts';
import { openSiteRegistry } from '../../images/registry/site-registry.ts';
import { type MemoryOptions, type MemoryRegistry, startMemoryRegistry } from '../registries/memory-registry.ts';
import { reply, sendReply } from '../registries/reply.ts';
import { held, noise, pushSample, sampleImage } from '../registries/sample-images.ts';

const certificates = join(import.meta.dirname, '../registries/certificates');
const file = (name: string): string => join(certificates, name);
const pair = { cert: file('client.pem'), key: file('server-key.pem') };

test('a registry that knows its clients takes push and pull of one that shows its certificate', async (t) => {
  const { memory } = await start(t, { knownClients: true });
  const registry = open(t, memory, await readClientCertificate(pair, { what: 'of the test', signal: t.signal }));
  const image = sampleImage({ layers: [100_000] });
  await pushSample(registry, 'shop/api', '1', image, t);
  assert.deepEqual(await registry.fetchManifest('shop/api', '1', t), image.root);
});

// Go's servers send an alert; Node's close the connection without a word.
test('an alert that asks for a client certificate is REGISTRY_UNTRUSTED and says what to name', async () => {
  const alert = Object.assign(new Error('alert'), { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' });
  assert.equal(connectionTrouble(alert), 'untrusted');
  const error = await connectionFailure('r.io', new URL('https://r.io/'), 'untrusted', alert);
  assert.equal(error.code, 'REGISTRY_UNTRUSTED');
  assert.match(error.message, /wants a client certificate/);
  assert.match(error.hint ?? '', /clientCertificate: .*docs\/registries\.md#client-certificates/);
});

test('a registry that closes the connection to a client without certificate is told with that possibility', async (t) => {
  const { memory } = await start(t, { knownClients: true });
  await assert.rejects(open(t, memory).fetchManifest('a', '1', t), {
    code: 'REGISTRY_UNREACHABLE',
    hint: /wants a client certificate.*#client-certificates/,
  });
});

test('the client certificate is not shown to a place that the registry redirects to', async (t) => {
  const { memory: storage } = await start(t, { knownClients: true });
  const blob = held('x', noise('elsewhere', 100));
  storage.store.putBlob('a', blob.bytes);
  const { memory } = await start(t, {
    intercept: (request, response) => {
      sendReply(request, response, reply(307, { location: `${storage.origin}${request.url}` }));
      return true;
    },
  });
  const registry = open(t, memory, await readClientCertificate(pair, { what: 'of the test', signal: t.signal }));
  await assert.rejects(registry.fetchBlob('a', blob.descriptor, t), {
    code: 'REGISTRY_UNREACHABLE',
    hint: /wants a client certificate/,
  });
});

const unusable: readonly [name: string, files: typeof pair, says: RegExp][] = [
  ['that is not there', { ...pair, cert: '/nowhere/client.pem' }, /\/nowhere\/client\.pem, of the client certificate/],
  ['with a key that is none', { ...pair, key: file('ca.pem') }, /cannot be used/],
  ['with files that are no PEM', { cert: file('README.md'), key: file('README.md') }, /cannot be used/],
];
for (const [name, files, says] of unusable) {
  test(`a client certificate ${name} is FILE_UNREADABLE`, async (t) => {
    const read = readClientCertificate(files, { what: 'of the test', signal: t.signal });
    await assert.rejects(read, { code: 'FILE_UNREADABLE', message: says });
  });
}

test('certs.d of the user says whom to trust and which certificate to show, by host and port', async (t) => {
  const { memory, folder } = await start(t, { knownClients: true });
  const place = join(folder, '.config/containers/certs.d', memory.host);
  await mkdir(place, { recursive: true });
  await cp(file('ca.pem'), join(place, 'ca.crt'));
  await cp(pair.cert, join(place, 'client.cert'));
  await cp(pair.key, join(place, 'client.key'));
  const env = { HOME: folder };
  const registry = openRegistry({ host: memory.host, plainHttp: false, ...certificatesOfMachine(memory.host, env) });
  t.after(() => registry.close());
  assert.equal(await registry.hasBlob('a', held('x', noise('certs.d', 1)).descriptor.digest, t), false);
  assert.deepEqual(certificatesOfMachine(memory.host.replace(/:.*/, ''), env), {}, 'another port');
  await rm(join(place, 'client.key'));
  assert.throws(() => certificatesOfMachine(memory.host, env), { code: 'FILE_UNREADABLE', message: /client\.key/ });
  await writeFile(join(place, 'ca.crt'), 'nothing');
  assert.throws(() => certificatesOfMachine(memory.host, env), { code: 'FILE_UNREADABLE', message: /ca\.crt holds no PEM/ });
});

test('the first folder of certs.d is taken, that of containers before that of docker', async (t) => {
  const folder = await temporary(t);
  for (const tool of ['docker', 'containers']) {
    await mkdir(join(folder, tool, 'certs.d/r.io'), { recursive: true });
    await cp(file(tool === 'docker' ? 'server.pem' : 'ca.pem'), join(folder, tool, 'certs.d/r.io/x.crt'));
  }
  const ca = await readFile(file('ca.pem'), 'utf8');
  assert.deepEqual(certificatesOfMachine('r.io', { XDG_CONFIG_HOME: folder }), { ca });
});

test('a site names the certificate by files on a workstation, and the Job finds it where the Secret is mounted', async (t) => {
  const { memory, folder } = await start(t, { knownClients: true });
  await cp(pair.cert, join(folder, 'tls.crt'));
  await cp(pair.key, join(folder, 'tls.key'));
  const site = { host: memory.host, prefix: '', plainHttp: false, ca: { inline: memory.ca ?? '' } };
  const files = { ...site, clientCertificate: { cert: 'tls.crt', key: 'tls.key' } };
  const secret = { ...site, clientCertificate: { secret: 'registry-client' } };
  for (const [registry, options] of [
    [files, { directory: folder }],
    [secret, { directory: '/', certificateDirectory: folder }],
  ] as const) {
    const opened = await openSiteRegistry(registry, { ...options, signal: t.signal });
    t.after(() => opened.registry.close());
    await opened.registry.checkPush('a', t);
  }
  await assert.rejects(openSiteRegistry(secret, { directory: folder, signal: t.signal }), {
    code: 'SITE_INVALID',
    hint: /clientCertificate\.cert/,
  });
});

async function start(t: TestContext, options: MemoryOptions): Promise<{ memory: MemoryRegistry; folder: string }> {
  const memory = await startMemoryRegistry({ tls: true, ...options });
  t.after(() => memory.stop());
  return { memory, folder: await temporary(t) };
}

async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-certs-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function open(t: TestContext, { host, ca }: MemoryRegistry, more: Pick<RegistryAccess, 'cert' | 'key'> = {}): Registry {
  const registry = openRegistry(
    { host, plainHttp: false, ...(ca === undefined ? {} : { ca }), ...more },
    { retry: { baseMs: 5 } },
  );
  t.after(() => registry.close());
  return registry;
}
