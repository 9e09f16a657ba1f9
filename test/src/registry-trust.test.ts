import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { MemoryOptions } from '../registries/memory-registry.ts';
import { sampleImage } from '../registries/sample-images.ts';
import { assertDone, assertFailed, type CliRun, runCli } from './cli.ts';
import { chartFiles, folderWith, registryOf, specYaml } from './workshop.ts';

const certificates = join(import.meta.dirname, '../registries/certificates');
const user = { username: 'porter', password: 'open-sesame-1234' };
const basic = Buffer.from(`${user.username}:${user.password}`).toString('base64');

/** How the spec describes a registry that speaks https, and what comes of it. */
const trust: readonly {
  readonly name: string;
  readonly source: string;
  readonly options?: MemoryOptions;
  readonly env?: Readonly<Record<string, string>>;
  readonly error?: string;
  readonly says?: readonly string[];
}[] = [
  {
    name: 'the right certificates by NODE_EXTRA_CA_CERTS',
    source: '',
    env: { NODE_EXTRA_CA_CERTS: join(certificates, 'ca.pem') },
  },
  { name: 'the right certificates by SSL_CERT_FILE', source: '', env: { SSL_CERT_FILE: join(certificates, 'ca.pem') } },
  {
    name: 'a client certificate that the spec names',
    source: ', ca: ca.pem, clientCertificate: { cert: client.pem, key: client-key.pem }',
    options: { knownClients: true },
  },
  {
    name: 'no client certificate where one is wanted',
    source: ', ca: ca.pem',
    options: { knownClients: true },
    error: 'REGISTRY_UNREACHABLE',
    says: ['client certificate', 'docs/registries.md#client-certificates'],
  },
  {
    name: 'a certificate of an issuer that nobody knows',
    source: '',
    error: 'REGISTRY_UNTRUSTED',
    says: ['is issued by "', 'which is not trusted', 'ca: ca.pem', 'sources.images'],
  },
  { name: 'the right certificates', source: ', ca: ca.pem' },
  {
    name: 'certificates of somebody else',
    source: ', ca: other.pem',
    error: 'REGISTRY_UNTRUSTED',
    says: ['which is not trusted'],
  },
  {
    name: 'certificates that are none',
    source: ', ca: chart/values.yaml',
    error: 'FILE_UNREADABLE',
    says: ['chart/values.yaml, to trust for 127.0.0.1:', 'are none', '-----BEGIN CERTIFICATE-----'],
  },
  {
    name: 'a certificate that has expired',
    source: ', ca: ca.pem',
    options: { certificate: 'expired.pem' },
    error: 'REGISTRY_UNTRUSTED',
    says: ['expired on', 'renew it'],
  },
  {
    name: 'a certificate of another host',
    source: ', ca: ca.pem',
    options: { certificate: 'other-name.pem' },
    error: 'REGISTRY_UNTRUSTED',
    says: ['is for ', 'use one of these names as the host'],
  },
  {
    name: 'plainHttp for a host that speaks https',
    source: ', plainHttp: true',
    error: 'REGISTRY_UNREACHABLE',
    says: ['/shop/api:1: ', 'speaks https, and is asked by plain http', 'remove "plainHttp: true"'],
  },
  {
    name: 'https for a host that speaks http',
    source: '',
    options: { tls: false },
    error: 'REGISTRY_UNREACHABLE',
    says: ['does not speak https', 'set "plainHttp: true" beside its host'],
  },
];
for (const { name, source, options, env = {}, error, says = [] } of trust) {
  test(name, async (t) => {
    const run = await build(t, { source, options: { tls: true, ...options }, env });
    if (error === undefined) assertDone(run);
    else assertFailed(run, { error, says });
  });
}

/** Where the password may be. `files` and `env` hold it, nothing else may. */
const places: readonly {
  readonly name: string;
  readonly source: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly scheme?: 'basic' | 'bearer';
  readonly error?: string;
  readonly says?: readonly string[];
}[] = [
  {
    name: 'credentials from the environment',
    source: ', credentials: { env: { username: PULL_USER, password: PULL_PASSWORD } }',
    env: { PULL_USER: user.username, PULL_PASSWORD: user.password },
  },
  {
    name: 'credentials from the environment, for a token',
    source: ', credentials: { env: { username: PULL_USER, password: PULL_PASSWORD } }',
    env: { PULL_USER: user.username, PULL_PASSWORD: user.password },
    scheme: 'bearer',
  },
  {
    name: 'credentials from a docker config that the spec names',
    source: ', credentials: { dockerConfig: secrets/config.json }',
    files: { 'secrets/config.json': '{ "auths": { "HOST": { "auth": "BASIC" } } }' },
  },
  {
    name: 'credentials from the docker config of the user',
    source: '',
    files: { '.home/.docker/config.json': '{ "auths": { "HOST": { "auth": "BASIC" } } }' },
  },
  {
    name: 'credentials from the containers config of the user',
    source: '',
    files: { '.home/.config/containers/auth.json': '{ "auths": { "HOST": { "auth": "BASIC" } } }' },
  },
  {
    name: 'credentials of another host are not used',
    source: '',
    files: { '.home/.docker/config.json': '{ "auths": { "127.0.0.1": { "auth": "BASIC" } } }' },
    error: 'REGISTRY_DENIED',
    says: ['no credentials for 127.0.0.1:', 'docker login'],
  },
  {
    name: 'a wrong password',
    source: ', credentials: { env: { username: PULL_USER, password: PULL_PASSWORD } }',
    env: { PULL_USER: user.username, PULL_PASSWORD: `not-${user.password}` },
    error: 'REGISTRY_DENIED',
    says: ['$PULL_USER and $PULL_PASSWORD', '401'],
  },
  {
    name: 'a docker config without the host',
    source: ', credentials: { dockerConfig: secrets/config.json }',
    files: { 'secrets/config.json': '{ "auths": { "registry.example.com": { "auth": "BASIC" } } }' },
    error: 'CREDENTIALS_INVALID',
    says: ['secrets/config.json holds no credentials for 127.0.0.1:'],
  },
  {
    name: 'a docker config that is not there',
    source: ', credentials: { dockerConfig: secrets/config.json }',
    error: 'CREDENTIALS_INVALID',
    says: ['secrets/config.json for 127.0.0.1:', 'cannot be read'],
  },
  {
    name: 'a docker config that is broken',
    source: '',
    files: { '.home/.docker/config.json': '{ "auths": { "HOST": { "auth": "BASIC" ' },
    error: 'CREDENTIALS_INVALID',
    says: ['.docker/config.json is no docker config'],
  },
];
for (const { name, source, files = {}, env = {}, scheme = 'basic', error, says = [] } of places) {
  test(name, async (t) => {
    const folders: string[] = [];
    const run = await build(t, { source: `, plainHttp: true${source}`, options: { user, scheme }, files, env, folders });
    if (error === undefined) assertDone(run);
    else assertFailed(run, { error, says });
    await assertNoSecret(run, folders[0] ?? '', error === undefined ? ['shop.tar', 'bundle.lock.yaml'] : []);
  });
}

async function build(
  t: TestContext,
  given: {
    readonly source: string;
    readonly options: MemoryOptions;
    readonly files?: Readonly<Record<string, string>>;
    readonly env?: Readonly<Record<string, string>>;
    readonly folders?: string[];
  },
): Promise<CliRun> {
  const registry = await registryOf(t, given.options);
  const { root, blobs } = sampleImage({ seed: 'api' });
  for (const { bytes } of blobs) registry.store.putBlob('shop/api', bytes);
  registry.store.putManifest('shop/api', '1', { mediaType: root.descriptor.mediaType, bytes: root.bytes });
  const files = Object.entries(given.files ?? {}).map(([path, text]) => {
    return [path, text.replace('HOST', registry.host).replace('BASIC', basic)] as const;
  });
  const folder = await folderWith(t, {
    ...chartFiles([`${registry.host}/shop/api:1`]),
    'bundle.yaml': specYaml(registry.host).replace(', plainHttp: true', given.source),
    'ca.pem': await readFile(join(certificates, 'ca.pem')),
    'other.pem': await readFile(join(certificates, 'other-name.pem')),
    'client.pem': await readFile(join(certificates, 'client.pem')),
    'client-key.pem': await readFile(join(certificates, 'server-key.pem')),
    ...Object.fromEntries(files),
  });
  given.folders?.push(folder);
  return runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder, env: given.env ?? {} });
}

async function assertNoSecret({ stdout, stderr }: CliRun, folder: string, files: readonly string[]): Promise<void> {
  const written = await Promise.all(files.map((file) => readFile(join(folder, file), 'latin1')));
  for (const text of [stdout, stderr, ...written]) {
    for (const secret of [user.password, basic]) assert.ok(!text.includes(secret), 'the password was written down');
  }
}
