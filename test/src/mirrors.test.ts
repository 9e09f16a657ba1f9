import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { placesOfHostsToml, placesOfRegistriesConf } from '../../images/registry/mirror-config.ts';
import { mirroredRegistry } from '../../images/registry/mirrored-registry.ts';
import { openRegistry, type Registry } from '../../images/registry/registry.ts';
import { parseToml } from '../../images/registry/toml.ts';
import { openSpecRegistries, type SpecRegistries } from '../../src/spec-registries.ts';
import { type MemoryRegistry, startMemoryRegistry } from '../registries/memory-registry.ts';
import { type SampleImage, sampleImage } from '../registries/sample-images.ts';

test('TOML is read as far as hosts.toml and registries.conf need it', () => {
  const text = `# comment
server = "https://a.io" # behind
[host."http://m:5000"]
  capabilities = ["pull",
    'resolve', # within
  ]
  skip_verify = true
  client = [["a.cert", "a.key"]]
[host."http://m:5000".header]
  x-custom = "1"
[[registry]]
prefix = 'a.io/team'
a.b = { c = 1 }
[[registry]]
location = "b\\u002eio"
`;
  assert.deepEqual(JSON.parse(JSON.stringify(parseToml(text))), {
    server: 'https://a.io',
    host: {
      'http://m:5000': {
        capabilities: ['pull', 'resolve'],
        skip_verify: true,
        client: [['a.cert', 'a.key']],
        header: { 'x-custom': '1' },
      },
    },
    registry: [{ prefix: 'a.io/team', a: { b: { c: 1 } } }, { location: 'b.io' }],
  });
});

for (const text of [
  'a',
  'a = ',
  'a = 1 2',
  '[a',
  'a = "x',
  'a = """x"""',
  'a = 1.5',
  'a = 1\na = 2',
  '__proto__ = 1',
  'a = [1',
  'a = 1979-05-27',
  '[a]\nb = 1\n[[a]]',
]) {
  test(`TOML that is not understood is an error with its line: ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseToml(`\n${text}`), /^Error: line \d+: /);
  });
}

const hub = { host: 'docker.io', repository: 'library/nginx' };
const toml: readonly [name: string, text: string, places: readonly object[]][] = [
  ['nothing', '', [{ host: 'docker.io' }]],
  [
    'a mirror',
    '[host."https://m.io"]',
    [
      { host: 'm.io', plainHttp: false, namespace: 'docker.io', repository: 'library/nginx', resolves: true },
      { host: 'docker.io' },
    ],
  ],
  ['http', '[host."http://m.io:5000"]', [{ host: 'm.io:5000', plainHttp: true }, { host: 'docker.io' }]],
  ['no scheme', '[host."m.io"]', [{ host: 'm.io', plainHttp: false }, { host: 'docker.io' }]],
  ['a path', '[host."https://m.io/hub"]', [{ basePath: '/hub/v2/' }, { host: 'docker.io' }]],
  [
    'override_path',
    '[host."https://m.io/v2/docker.io"]\noverride_path = true',
    [{ basePath: '/v2/docker.io/' }, { host: 'docker.io' }],
  ],
  ['digests only', '[host."https://m.io"]\ncapabilities = ["pull"]', [{ resolves: false, pulls: true }, { host: 'docker.io' }]],
  ['another server', 'server = "https://m.io"', [{ host: 'm.io', namespace: 'docker.io' }]],
  ['skip_verify', '[host."https://m.io"]\nskip_verify = true', [{ insecure: true }, { insecure: false }]],
  [
    'files',
    '[host."https://m.io"]\nca = "ca.crt"\nclient = [["c.cert", "c.key"]]',
    [{ ca: ['ca.crt'], client: { cert: 'c.cert', key: 'c.key' } }, {}],
  ],
];
for (const [name, text, expected] of toml) {
  test(`hosts.toml with ${name}`, () => {
    const places = placesOfHostsToml(text, 'hosts.toml', hub);
    assert.equal(places.length, expected.length);
    for (const [index, one] of expected.entries()) assert.partialDeepStrictEqual(places[index], one);
  });
}

test('a setting of hosts.toml that is not known is refused, since it might decide where bytes come from', () => {
  assert.throws(() => placesOfHostsToml('[host."https://m.io"]\nrewrite = "x"', 'hosts.toml', hub), {
    code: 'SPEC_INVALID',
    message: /rewrite/,
  });
});

const conf = `
unqualified-search-registries = ["docker.io"]
[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "m.io/hub"
[[registry.mirror]]
location = "n.io"
pull-from-mirror = "digest-only"
[[registry]]
prefix = "docker.io/library"
location = "mine.io/copies"
[[registry]]
location = "bad.io"
blocked = true
[[registry]]
prefix = "*.corp.io"
[[registry.mirror]]
location = "m.io/corp"
insecure = true
`;
const lookups: readonly [name: string, places: readonly object[]][] = [
  ['quay.io/a/b', [{ host: 'quay.io', repository: 'a/b' }]],
  [
    'docker.io/team/app',
    [
      { host: 'm.io', repository: 'hub/team/app', resolves: true },
      { host: 'n.io', repository: 'team/app', resolves: false },
      { host: 'docker.io', repository: 'team/app' },
    ],
  ],
  ['docker.io/library/nginx', [{ host: 'mine.io', repository: 'copies/nginx' }]],
  ['docker.io/libraryx/nginx', [{ host: 'm.io' }, { host: 'n.io' }, { host: 'docker.io' }]],
  ['docker.io.evil.io/x', [{ host: 'docker.io.evil.io' }]],
  [
    'reg.corp.io/x',
    [
      { host: 'm.io', repository: 'corpreg.corp.io/x', insecure: true },
      { host: 'reg.corp.io', repository: 'x' },
    ],
  ],
];
for (const [name, expected] of lookups) {
  test(`registries.conf: ${name} is looked for at ${expected.length} places`, () => {
    const [host = '', ...path] = name.split('/');
    const places = placesOfRegistriesConf(conf, 'f', { host, repository: path.join('/') });
    assert.equal(places.length, expected.length);
    for (const [index, one] of expected.entries())
      if (name !== 'reg.corp.io/x' || index > 0) assert.partialDeepStrictEqual(places[index], one);
  });
}

test('registries.conf: what is blocked is refused', () => {
  assert.throws(() => placesOfRegistriesConf(conf, 'f', { host: 'bad.io', repository: 'x' }), {
    code: 'REGISTRY_DENIED',
    message: /f blocks bad\.io/,
  });
});

test('registries.conf: a top-level setting that is not known is refused, one about other things is passed over', () => {
  const other =
    'unqualified-search-registries = ["docker.io"]\nshort-name-mode = "enforcing"\n[aliases]\nalpine = "docker.io/library/alpine"\n';
  assert.equal(placesOfRegistriesConf(other, 'f', hub).length, 1);
  for (const [text, named] of [
    ['[registries.insecure]\nregistries = ["docker.io"]\n', 'registries'],
    ['[[registri]]\nlocation = "docker.io"\n', 'registri'],
    ['blocked = true\n', 'blocked'],
  ] as const) {
    assert.throws(() => placesOfRegistriesConf(text, 'f', hub), { code: 'SPEC_INVALID', message: new RegExp(`"${named}"`) });
  }
});

test('registries.conf: drop-ins beside it are told, since they are not read', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-mirrors-'));
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'registries.conf.d'));
  for (const name of ['registries.conf', 'registries.conf.d/10-hub.conf', 'registries.conf.d/README'])
    await writeFile(join(folder, name), '');
  const said: string[] = [];
  const sources = { charts: [], images: [], mirrors: { registriesConf: 'registries.conf' } };
  const registries = await openSpecRegistries(sources, { folder, say: (line) => said.push(line), signal: t.signal });
  await registries.close();
  assert.deepEqual(said, [`${folder}/registries.conf.d is not read: 10-hub.conf (only what sources.mirrors names is)`]);
});

test('an image comes from the mirror of hosts.toml, with ?ns=, and that is said once', async (t) => {
  const { mirror, origin, registries, said, image } = await world(t, { inMirror: true });
  await pull(registries, origin, image, t);
  assert.equal(origin.requests.length, 0);
  assert.ok(
    mirror.requests.every(({ url }) => url.includes(`ns=${encodeURIComponent(origin.host)}`)),
    mirror.requests[0]?.url,
  );
  assert.deepEqual(said, [`${origin.host}: pulling from its mirror ${mirror.host}`]);
});

test('what a mirror lacks comes from the registry itself, and that is said', async (t) => {
  const { mirror, origin, registries, said, image } = await world(t, { inMirror: false });
  await pull(registries, origin, image, t);
  assert.ok(origin.requests.length > 0);
  assert.match(said.join('\n'), new RegExp(`not from its mirror ${mirror.host}: .* has no shop/api`));
});

test('a mirror that is down is tried once and passed over', async (t) => {
  const { mirror, origin, registries, said, image } = await world(t, { inMirror: true });
  await mirror.stop();
  await pull(registries, origin, image, t);
  assert.equal(said.filter((line) => line.includes('not from its mirror')).length, 1);
});

test('a mirror that cannot be reached is not asked again', async (t) => {
  let asked = 0;
  const { origin } = await world(t, { inMirror: true });
  const home = openRegistry({ host: origin.host, plainHttp: true });
  t.after(() => home.close());
  const away: Registry = {
    ...home,
    fetchManifest: async () => {
      asked += 1;
      throw new BundleError('REGISTRY_UNREACHABLE', 'away');
    },
  };
  const places = [away, home].map((registry) => ({ registry, repository: 'shop/api', resolves: true, pulls: true }));
  const [first, ...others] = places;
  assert.ok(first !== undefined);
  const mirrored = mirroredRegistry(origin.host, [first, ...others], { down: new Set(), onEvent: () => undefined });
  for (let times = 0; times < 3; times += 1) await mirrored.fetchManifest('shop/api', '1', t);
  assert.equal(asked, 1);
});

test('a mirror that gives other bytes is passed over: they are proven wherever they come from', async (t) => {
  const { mirror, origin, registries, image } = await world(t, { inMirror: true });
  const [blob] = image.blobs;
  assert.ok(blob !== undefined);
  const spoilt = Buffer.from(blob.bytes);
  spoilt[0] = (spoilt[0] ?? 0) ^ 1;
  mirror.store.blobs.set(blob.descriptor.digest, spoilt);
  await pull(registries, origin, image, t);
  assert.ok(origin.requests.some(({ url }) => url.includes(blob.descriptor.digest)));
});

test('a mirror that may not resolve tags is asked by digest only', async (t) => {
  const { mirror, origin, registries, image } = await world(t, { inMirror: true, capabilities: '["pull"]' });
  await pull(registries, origin, image, t);
  assert.ok(mirror.requests.every(({ url }) => url.includes('sha256:')));
  assert.deepEqual(
    origin.requests.map(({ url }) => url),
    ['/v2/shop/api/manifests/1'],
  );
});

test('override_path keeps several registries apart in one mirror', async (t) => {
  const { mirror, origin, registries, image } = await world(t, { inMirror: true, path: '/v2/copies', prefix: 'copies/' });
  await pull(registries, origin, image, t);
  assert.equal(origin.requests.length, 0);
  assert.ok(mirror.requests.every(({ url }) => url.startsWith('/v2/copies/shop/api/')));
});

test('a mirror without a valid certificate is believed only when the spec says how', async (t) => {
  const { origin, registries } = await world(t, { inMirror: true, more: 'skip_verify = true' });
  assert.throws(() => registries.locate({ host: origin.host, repository: 'shop/api', tag: '1' }), {
    code: 'SPEC_INVALID',
    hint: /sources\.images.*#mirrors/,
  });
});

test('registries.conf is followed too', async (t) => {
  const { mirror, origin, registries, image } = await world(t, { inMirror: true, asConf: true });
  await pull(registries, origin, image, t);
  assert.equal(origin.requests.length, 0);
  assert.ok(mirror.requests.length > 0);
});

interface World {
  readonly mirror: MemoryRegistry;
  readonly origin: MemoryRegistry;
  readonly registries: SpecRegistries;
  readonly said: string[];
  readonly image: SampleImage;
}

async function world(
  t: TestContext,
  options: { inMirror: boolean; capabilities?: string; path?: string; prefix?: string; more?: string; asConf?: boolean },
): Promise<World> {
  const [mirror, origin] = [await startMemoryRegistry(), await startMemoryRegistry()];
  const image = sampleImage({ seed: 'mirrored' });
  put(origin, 'shop/api', image);
  if (options.inMirror) put(mirror, `${options.prefix ?? ''}shop/api`, image);
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-mirrors-'));
  const { capabilities = '["pull", "resolve"]', path, more = '' } = options;
  const override = path === undefined ? '' : 'override_path = true';
  const files = {
    [`hosts/${origin.host.replace(':', '_')}_/hosts.toml`]: `server = "${origin.origin}"\n[host."${mirror.origin}${path ?? ''}"]\ncapabilities = ${capabilities}\n${override}\n${more}\n`,
    'registries.conf': `[[registry]]\nlocation = "${origin.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}"\n`,
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  const said: string[] = [];
  const images = options.asConf ? [mirror, origin].map(({ host }) => ({ host, plainHttp: true })) : [];
  const mirrors = options.asConf ? { registriesConf: 'registries.conf' } : { hosts: 'hosts' };
  const registries = await openSpecRegistries(
    { charts: [], images, mirrors },
    { folder, say: (line) => said.push(line), signal: t.signal },
  );
  t.after(async () => {
    await registries.close();
    await Promise.all([mirror, origin].map((one) => one.stop().catch(() => undefined)));
    await rm(folder, { recursive: true, force: true });
  });
  return { mirror, origin, registries, said, image };
}

function put({ store }: MemoryRegistry, repository: string, { root, blobs }: SampleImage): void {
  for (const { bytes } of blobs) store.putBlob(repository, bytes);
  store.putManifest(repository, '1', { mediaType: root.descriptor.mediaType, bytes: root.bytes });
}

async function pull(registries: SpecRegistries, { host }: MemoryRegistry, image: SampleImage, t: TestContext): Promise<void> {
  const { registry, repository } = registries.locate({ host, repository: 'shop/api', tag: '1' });
  assert.deepEqual(await registry.fetchManifest(repository, '1', t), image.root);
  for (const { descriptor, bytes } of image.blobs) assert.deepEqual(await registry.fetchBlob(repository, descriptor, t), bytes);
}
