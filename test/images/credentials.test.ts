import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { findCredentials, referencedCredentials, userCredentials } from '../../images/registry/credentials.ts';
import { credentialsIn, parseCredentialsConfig } from '../../images/registry/credentials-file.ts';

const auth = (pair: string) => Buffer.from(pair).toString('base64');

async function home(t: TestContext, files: Readonly<Record<string, string | object>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-home-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    const file = join(folder, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
    if (name.startsWith('bin/')) await chmod(file, 0o755);
  }
  return folder;
}

const entries: readonly [name: string, host: string, config: object, expected: object | undefined][] = [
  [
    'base64 of user and password',
    'r.io',
    { auths: { 'r.io': { auth: auth('ann:s3cret:with:colons') } } },
    { username: 'ann', password: 's3cret:with:colons' },
  ],
  ['padding with NULs', 'r.io', { auths: { 'r.io': { auth: auth('ann:s3cret\0\0') } } }, { username: 'ann', password: 's3cret' }],
  [
    'characters beyond Latin-1',
    'r.io',
    { auths: { 'r.io': { auth: auth('änn:пароль') } } },
    { username: 'änn', password: 'пароль' },
  ],
  [
    'user and password in the clear',
    'r.io',
    { auths: { 'r.io': { username: 'ann', password: 'x' } } },
    { username: 'ann', password: 'x' },
  ],
  [
    'an identity token',
    'r.io',
    { auths: { 'r.io': { auth: auth('<token>:'), identitytoken: 'idt' } } },
    { identityToken: 'idt' },
  ],
  ['a registry token', 'r.io', { auths: { 'r.io': { registrytoken: 'rt' } } }, { registryToken: 'rt' }],
  [
    'a key that is a URL',
    'r.io:5000',
    { auths: { 'https://r.io:5000/v2/': { auth: auth('a:b') } } },
    { username: 'a', password: 'b' },
  ],
  [
    'the old key of Docker Hub',
    'docker.io',
    { auths: { 'https://index.docker.io/v1/': { auth: auth('a:b') } } },
    { username: 'a', password: 'b' },
  ],
  ['another port', 'r.io:5000', { auths: { 'r.io:5001': { auth: auth('a:b') }, 'r.io': { auth: auth('a:b') } } }, undefined],
  [
    'a host that only begins alike',
    'r.io',
    { auths: { 'r.io.evil.example': { auth: auth('a:b') }, 'evil-r.io': { auth: auth('a:b') } } },
    undefined,
  ],
  ['a part of a registry', 'r.io', { auths: { 'r.io/team': { auth: auth('a:b') } } }, undefined],
  ['a marker without content', 'r.io', { auths: { 'r.io': {} } }, undefined],
  ['nothing at all', 'r.io', {}, undefined],
];
for (const [name, host, config, expected] of entries) {
  test(`a docker config with ${name} gives ${expected === undefined ? 'nothing' : Object.keys(expected).join(' and ')}`, async (t) => {
    const found = await credentialsIn(parseCredentialsConfig(JSON.stringify(config), 'f'), host, { from: 'f', signal: t.signal });
    assert.deepEqual(found, expected && { from: 'f', ...expected });
  });
}

const paths: readonly [repository: string, username: string | undefined][] = [
  ['team/app', 'app'],
  ['team/app/sub', 'app'],
  ['team/other', 'team'],
  ['team', 'team'],
  ['teams/app', 'all'],
  ['other', 'all'],
];
for (const [repository, username] of paths) {
  test(`r.io/${repository} gets the entry for the longest part of its path: that of ${username}`, async (t) => {
    const auths = {
      'r.io': { auth: auth('all:1') },
      'r.io/team': { auth: auth('team:2') },
      'r.io/team/app': { auth: auth('app:3') },
    };
    const config = parseCredentialsConfig(JSON.stringify({ auths }), 'f');
    const found = await credentialsIn(config, 'r.io', { from: 'f', repository, signal: t.signal });
    assert.equal(found && 'username' in found ? found.username : undefined, username);
  });
}

const pair = { auth: auth('ann:s3cret') };
const payload = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64');
const shapes: readonly [name: string, json: object][] = [
  ['an old .dockercfg', { 'r.io': { ...pair, email: 'a@b' }, 'q.io': { auth: '' } }],
  ['a Secret of type dockerconfigjson', { kind: 'Secret', data: { '.dockerconfigjson': payload({ auths: { 'r.io': pair } }) } }],
  ['a Secret of type dockercfg', { kind: 'Secret', data: { '.dockercfg': payload({ 'https://r.io/v1/': pair }) } }],
];
for (const [name, json] of shapes) {
  test(`${name} is read as a docker config is`, async (t) => {
    const config = parseCredentialsConfig(JSON.stringify(json), 'f');
    const found = await credentialsIn(config, 'r.io', { from: 'f', signal: t.signal });
    assert.deepEqual(found, { from: 'f', username: 'ann', password: 's3cret' });
    assert.equal(await credentialsIn(config, 'r.io:5000', { from: 'f', signal: t.signal }), undefined);
  });
}

test('a Secret without a docker config is an error that quotes nothing of it', () => {
  const text = JSON.stringify({ kind: 'Secret', data: { password: payload({ x: 's3cret' }) } });
  assert.throws(() => parseCredentialsConfig(text, 'f'), { code: 'CREDENTIALS_INVALID', message: /^f is no docker config/ });
});

for (const name of ['config.json', '.dockerconfigjson', '.dockercfg']) {
  test(`a mounted Secret is found by its folder: ${name}`, async (t) => {
    const folder = await home(t, { [`mounted/${name}`]: name === '.dockercfg' ? { 'r.io': pair } : { auths: { 'r.io': pair } } });
    const expected = { from: join(folder, 'mounted', name), username: 'ann', password: 's3cret' };
    const env = { HOME: join(folder, 'nobody'), DOCKER_CONFIG: join(folder, 'mounted') };
    assert.deepEqual(await findCredentials('r.io', { env, signal: t.signal }), expected);
    const named = { dockerConfig: 'mounted' };
    assert.deepEqual(await referencedCredentials(named, 'r.io', { directory: folder, signal: t.signal }), expected);
  });
}

for (const text of [
  '{"auths": {"r.io": {"auth": "c2VjcmV0',
  '{"auths": {"r.io": "c2VjcmV0"}}',
  '{"auths": {"r.io": {"auth": "c2VjcmV0"}}}',
]) {
  test(`a broken docker config (${text.length} characters) is an error that quotes nothing of it`, async (t) => {
    const read = async () =>
      credentialsIn(parseCredentialsConfig(text, 'config.json'), 'r.io', { from: 'config.json', signal: t.signal });
    await assert.rejects(read, (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, 'CREDENTIALS_INVALID');
      assert.doesNotMatch(`${error.message} ${error.hint} ${error.cause}`, /c2VjcmV0|secret/);
      return /config\.json/.test(error.message);
    });
  });
}

test('the files of docker and podman are asked in turn, and the first that knows is believed', async (t) => {
  const folder = await home(t, {
    'docker/config.json': { auths: { 'one.io': { auth: auth('docker:1') } } },
    'run/containers/auth.json': { auths: { 'one.io': { auth: auth('podman:1') }, 'two.io': { auth: auth('podman:2') } } },
    'config/containers/auth.json': { auths: { 'three.io': { auth: auth('podman:3') } } },
    'explicit.json': { auths: { 'two.io': { auth: auth('explicit:2') } } },
  });
  const env = {
    HOME: folder,
    DOCKER_CONFIG: join(folder, 'docker'),
    XDG_RUNTIME_DIR: join(folder, 'run'),
    XDG_CONFIG_HOME: join(folder, 'config'),
  };
  const user = async (host: string, more = {}) => {
    const found = await findCredentials(host, { env: { ...env, ...more }, signal: t.signal });
    return found !== undefined && 'username' in found ? found.username : undefined;
  };
  assert.equal(await user('one.io'), 'docker');
  assert.equal(await user('two.io'), 'podman');
  assert.equal(await user('two.io', { REGISTRY_AUTH_FILE: join(folder, 'explicit.json') }), 'explicit');
  assert.equal(await user('three.io'), 'podman');
  assert.equal(await user('four.io'), undefined);
});

test('no file at all is no credentials', async (t) => {
  assert.equal(await findCredentials('r.io', { env: { HOME: await home(t, {}) }, signal: t.signal }), undefined);
});

const helper = `#!/bin/sh
read -r server
case "$server" in
  known.io) echo '{"ServerURL":"known.io","Username":"ann","Secret":"s3cret"}' ;;
  token.io) echo '{"Username":"<token>","Secret":"idt"}' ;;
  https://index.docker.io/v1/) echo '{"Username":"hub","Secret":"x"}' ;;
  broken.io) echo 's3cret on fire'; exit 2 ;;
  *) echo 'credentials not found in native keychain'; exit 1 ;;
esac
`;

test('credential helpers are asked: one of a host before the store, the store before the file', async (t) => {
  const folder = await home(t, { 'bin/docker-credential-test': helper });
  const path = process.env.PATH;
  process.env.PATH = `${join(folder, 'bin')}:${path}`;
  t.after(() => {
    process.env.PATH = path;
  });
  const text = JSON.stringify({
    auths: { 'known.io': { auth: auth('file:1') }, 'file.io': { auth: auth('file:2') } },
    credsStore: 'test',
    credHelpers: { 'absent.io': 'nowhere' },
  });
  const ask = (host: string) => credentialsIn(parseCredentialsConfig(text, 'f'), host, { from: 'f', signal: t.signal });
  assert.deepEqual(await ask('known.io'), { from: 'docker-credential-test', username: 'ann', password: 's3cret' });
  assert.deepEqual(await ask('token.io'), { from: 'docker-credential-test', identityToken: 'idt' });
  assert.deepEqual(await ask('docker.io'), { from: 'docker-credential-test', username: 'hub', password: 'x' });
  assert.deepEqual(await ask('file.io'), { from: 'f', username: 'file', password: '2' });
  assert.equal(await ask('unknown.io'), undefined);
  await assert.rejects(ask('absent.io'), {
    code: 'CREDENTIALS_INVALID',
    message: /docker-credential-nowhere, which f names, is not on the PATH/,
  });
  await assert.rejects(ask('broken.io'), (error: Error & { code?: string }) => {
    assert.doesNotMatch(error.message, /s3cret/);
    return error.code === 'CREDENTIALS_INVALID';
  });
});

test('a helper is run once for all repositories of its host, and gives the same credentials each time', async (t) => {
  const folder = await home(t, {
    'bin/docker-credential-counting': `#!/bin/sh\necho x >> "$HOME_OF_TEST/runs"\necho '{"Username":"ann","Secret":"s3cret"}'\n`,
    'docker/config.json': { credHelpers: { 'r.io': 'counting' } },
  });
  const { PATH } = process.env;
  Object.assign(process.env, { PATH: `${join(folder, 'bin')}:${PATH}`, HOME_OF_TEST: folder });
  t.after(() => Object.assign(process.env, { PATH }));
  const look = userCredentials('r.io', { HOME: folder, DOCKER_CONFIG: join(folder, 'docker') });
  const found = await Promise.all(['a', 'b', 'c'].map((repository) => look({ repository, signal: t.signal })));
  assert.deepEqual(found[0], { from: 'docker-credential-counting', username: 'ann', password: 's3cret' });
  assert.ok(found.every((one) => one === found[0]));
  assert.equal(await readFile(join(folder, 'runs'), 'utf8'), 'x\n');
});

test('credentials by reference come from variables or from a named file, or say what is missing', async (t) => {
  const directory = await home(t, { 'auth.json': { auths: { 'r.io': { auth: auth('ann:1') } } } });
  const options = { directory, env: { REG_USER: 'ann', REG_PASSWORD: 's3cret' }, signal: t.signal };
  const reference = { env: { username: 'REG_USER', password: 'REG_PASSWORD' } };
  assert.deepEqual(await referencedCredentials(reference, 'r.io', options), {
    from: '$REG_USER and $REG_PASSWORD',
    username: 'ann',
    password: 's3cret',
  });
  const missing = { env: { username: 'REG_USER', password: 'REG_TOKEN' } };
  await assert.rejects(referencedCredentials(missing, 'r.io', options), {
    code: 'CREDENTIALS_INVALID',
    message: /REG_TOKEN.*is not set/,
  });
  const file = await referencedCredentials({ dockerConfig: 'auth.json' }, 'r.io', options);
  assert.equal(file.from, join(directory, 'auth.json'));
  await assert.rejects(referencedCredentials({ dockerConfig: 'auth.json' }, 'q.io', options), {
    code: 'CREDENTIALS_INVALID',
    message: /no credentials for q\.io/,
  });
  await assert.rejects(referencedCredentials({ dockerConfig: 'no.json' }, 'r.io', options), {
    code: 'CREDENTIALS_INVALID',
    message: /cannot be read/,
  });
});
