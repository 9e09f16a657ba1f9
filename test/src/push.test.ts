import assert from 'node:assert/strict';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';
import type { MemoryOptions, MemoryRegistry } from '../registries/memory-registry.ts';
import { complaint, sendReply } from '../registries/reply.ts';
import { sampleImage } from '../registries/sample-images.ts';
import { assertDone, assertFailed, type CliRun, runCli } from './cli.ts';
import { chartFiles, folderWith, registryOf, seed, siteYaml, specYaml, tagsOf, writeFiles } from './workshop.ts';

const user = { username: 'porter', password: 'open-sesame-1234' };
const reference = 'registry.example.com/shop/api:1.0';
const pushed = ['charts/shop:1.0.0', 'registry.example.com/shop/api:1.0'];
const certificates = join(import.meta.dirname, '../registries/certificates');

const readOnly: MemoryOptions = {
  intercept(request, response) {
    if (request.method === 'GET' || request.method === 'HEAD') return false;
    sendReply(request, response, complaint(403, 'DENIED', 'requested access to the resource is denied'));
    return true;
  },
};

/** Sites and registries that a push cannot end well with; HOST in the site is the registry's. */
const bad: readonly {
  readonly name: string;
  readonly site: string;
  readonly registry?: MemoryOptions;
  readonly error: string;
  readonly says: readonly (string | RegExp)[];
}[] = [
  {
    name: 'a site without a registry',
    site: 'apiVersion: diolkos.dev/v1\nkind: Site\n',
    error: 'SITE_INVALID',
    says: ['site.yaml:1:1 registry: missing; expected { host,'],
  },
  {
    name: 'a site with a URL for a host',
    site: siteYaml('https://registry.internal'),
    error: 'SITE_INVALID',
    says: ['site.yaml:3:19 registry.host: expected host or host:port', 'found "https://registry.internal"'],
  },
  {
    name: 'a spec in place of a site',
    site: specYaml('registry.example.com'),
    error: 'SITE_INVALID',
    says: ['site.yaml:2:7 kind: this is a Bundle, but a Site is needed here'],
  },
  {
    name: 'a site whose certificates are missing',
    site: siteYaml('HOST').replace('plainHttp: true', 'ca: { file: no.pem }'),
    error: 'FILE_UNREADABLE',
    says: ['no.pem, which registry.ca names', 'relative to the site'],
  },
  {
    name: 'a site whose certificates are those of somebody else',
    site: siteYaml('HOST').replace('plainHttp: true', 'ca: { file: other.pem }'),
    registry: { tls: true },
    error: 'REGISTRY_UNTRUSTED',
    says: ['which is not trusted', 'registry.ca in the site'],
  },
  {
    name: 'a registry that nobody runs',
    site: siteYaml('127.0.0.1:1'),
    error: 'REGISTRY_UNREACHABLE',
    says: ['127.0.0.1:1 refused the connection: nothing listens there', '1 is its port'],
  },
  {
    name: 'a registry that wants credentials',
    site: siteYaml('HOST'),
    registry: { user },
    error: 'REGISTRY_DENIED',
    says: ['401', 'docker login 127.0.0.1:'],
  },
  {
    name: 'a registry that lets us read only',
    site: siteYaml('HOST'),
    registry: readOnly,
    error: 'REGISTRY_DENIED',
    says: [/refused the push to .*: 403 DENIED: requested access to the resource is denied/],
  },
];

test('behind the gap', async (t) => {
  const bundle = await builtBundle(t);

  for (const { name, site, registry: options = {}, error, says } of bad) {
    await t.test(`push to ${name}: one error, and no tag`, async (own) => {
      const { folder, registry } = await behindTheGap(own, bundle, options, site);
      assertFailed(await push(folder), { error, says });
      assert.deepEqual(tagsOf(registry), []);
    });
  }

  await t.test('sends everything once, then nothing, and says so', async (own) => {
    const { folder, registry } = await behindTheGap(own, bundle);
    const first = JSON.parse(assertDone(await push(folder, '--format', 'json')));
    assert.deepEqual(tagsOf(registry), pushed);
    const counts = ['blobsPushed', 'blobsMounted', 'blobsPresent', 'bytesPushed'];
    assert.deepEqual(Object.keys(first), ['apiVersion', 'kind', 'bundle', 'blobs', 'items', 'attached', ...counts]);
    assert.deepEqual(Object.keys(first.items[0]), ['kind', 'name', 'local', 'digest', 'outcome']);
    registry.requests.length = 0;
    const second = await push(folder);
    const lines = pushed.toReversed().map((name) => `present  ${registry.host}/${name}\n`);
    assert.equal(assertDone(second), lines.join(''));
    assert.equal(second.stderr, 'everything is there already\n2 images and charts: 0 pushed, 2 present; 0 B sent\n');
    assert.deepEqual(new Set(registry.requests.map(({ method }) => method)), new Set(['HEAD']));
  });

  await t.test('moves a tag that has another digest only when told to', async (own) => {
    const { folder, registry } = await behindTheGap(own, bundle);
    await seed(registry, 'registry.example.com/shop/api', '1.0', sampleImage({ seed: 'somebody else' }));
    const before = registry.store.manifest('registry.example.com/shop/api', '1.0')?.digest;
    const refused = await push(folder);
    assertFailed(refused, { error: 'TAG_CONFLICT', says: ['registry.example.com/shop/api:1.0', '--tag-conflict overwrite'] });
    assert.equal(registry.store.manifest('registry.example.com/shop/api', '1.0')?.digest, before);
    assert.deepEqual(tagsOf(registry), ['registry.example.com/shop/api:1.0']);
    const skipped = await push(folder, '--tag-conflict', 'skip');
    assert.match(assertDone(skipped), /^kept +\S+\/registry\.example\.com\/shop\/api:1\.0$/m);
    assert.match(skipped.stderr, /1 kept as they were/);
    assert.match((await push(folder, '--tag-conflict', 'skip')).stderr, /^there is nothing to send\n/);
    assert.equal(registry.store.manifest('registry.example.com/shop/api', '1.0')?.digest, before);
    assertDone(await push(folder, '--tag-conflict', 'overwrite'));
    const shipped = registry.store.manifest('registry.example.com/shop/api', '1.0')?.digest;
    assert.notEqual(shipped, before);
    await seed(registry, 'registry.example.com/shop/api', '1.0', sampleImage({ seed: 'somebody else' }));
    const moved = await push(folder, '--tag-conflict', 'overwrite');
    assert.equal(registry.store.manifest('registry.example.com/shop/api', '1.0')?.digest, shipped);
    assert.match(
      moved.stderr,
      /^everything is there already but for 1 tag\n2 images and charts: 1 pushed, 1 present; 0 B sent$/m,
    );
  });

  await t.test('takes the credentials of the user and shows them nowhere', async (own) => {
    const { folder, registry } = await behindTheGap(own, bundle, { user });
    const auth = Buffer.from(`${user.username}:${user.password}`).toString('base64');
    await writeFiles(folder, { '.home/.docker/config.json': JSON.stringify({ auths: { [registry.host]: { auth } } }) });
    const run = await push(folder);
    assertDone(run);
    const report = await push(folder, '--format', 'json');
    assert.equal(JSON.parse(assertDone(report)).kind, 'SiteReport');
    for (const { stdout, stderr } of [run, report])
      assert.doesNotMatch(stdout + stderr, new RegExp(`${user.password}|${user.username}|${auth}`));
    assert.deepEqual(tagsOf(registry), pushed);
  });

  await t.test('trusts the certificates of the site', async (own) => {
    const site = siteYaml('HOST').replace('plainHttp: true', 'ca: { file: ca.pem }');
    const { folder, registry } = await behindTheGap(own, bundle, { tls: true }, site);
    assertDone(await push(folder));
    assert.deepEqual(tagsOf(registry), pushed);
  });

  await t.test('puts everything below the prefix of the site', async (own) => {
    const site = siteYaml('HOST').replace('plainHttp', 'prefix: mirror/shop, plainHttp');
    const { folder, registry } = await behindTheGap(own, bundle, {}, site);
    assertDone(await push(folder));
    assert.deepEqual(
      tagsOf(registry),
      pushed.map((name) => `mirror/shop/${name}`),
    );
  });

  await t.test('manifest', (own) => manifestTests(own, bundle));
});

async function manifestTests(t: TestContext, bundle: string): Promise<void> {
  const { folder } = await behindTheGap(t, bundle);
  const manifest = (site: string, ...flags: string[]): Promise<CliRun> => {
    return writeFiles(folder, { 'site.yaml': site }).then(() => {
      return runCli(['manifest', 'shop.tar', '--site', 'site.yaml', ...flags], { folder });
    });
  };
  const lies = 'bundle: { persistentVolumeClaim: { name: bundles, path: shop.tar } }\n';
  const host = 'registry.internal:5000';

  await t.test('prints the same objects as a YAML stream and as a List', async () => {
    const text = assertDone(await manifest(siteYaml(host, lies)));
    const { kind, items } = JSON.parse(assertDone(await manifest(siteYaml(host, lies), '--format', 'json')));
    assert.equal(kind, 'List');
    assert.deepEqual(parseYaml11(text), items);
    const kinds = items.map((item: { readonly kind: string }) => item.kind);
    assert.ok(
      ['Namespace', 'ServiceAccount', 'ConfigMap', 'Job'].every((one) => kinds.includes(one)),
      kinds.join(),
    );
    assert.equal(kinds.at(-1), 'Job');
  });

  await t.test('carries the files that the site names', async () => {
    const site = siteYaml(host, `${lies}values: { shop: [{ file: local.yaml }] }\n`).replace(
      'plainHttp: true',
      'ca: { file: ca.pem }',
    );
    await writeFiles(folder, { 'local.yaml': 'replicas: 3\n' });
    const text = assertDone(await manifest(site));
    assert.match(text, /BEGIN CERTIFICATE/);
    assert.match(text, /"replicas": 3/);
  });

  const refused: readonly {
    readonly name: string;
    readonly site: string;
    readonly error?: string;
    readonly says: readonly string[];
  }[] = [
    {
      name: 'that does not say where the bundle lies',
      site: siteYaml(host),
      says: ['where the bundle lies', 'persistentVolumeClaim'],
    },
    {
      name: 'with values of another release',
      site: siteYaml(host, `${lies}values: { shpo: [{ inline: {} }] }\n`),
      says: ['site.yaml has values for shpo', 'releases of this bundle: shop'],
    },
    {
      name: 'with a values file that is missing',
      site: siteYaml(host, `${lies}values: { shop: [{ file: absent.yaml }] }\n`),
      error: 'FILE_UNREADABLE',
      says: ['absent.yaml'],
    },
    {
      name: 'with a values file that is no YAML',
      site: siteYaml(host, `${lies}values: { shop: [{ file: broken.yaml }] }\n`),
      says: ['broken.yaml'],
    },
    {
      name: 'with a values file that is a list',
      site: siteYaml(host, `${lies}values: { shop: [{ file: list.yaml }] }\n`),
      says: ['list.yaml is no values file', 'one YAML mapping'],
    },
    {
      name: 'with certificates that are none',
      site: siteYaml(host, lies).replace('plainHttp: true', 'ca: { file: list.yaml }'),
      error: 'FILE_UNREADABLE',
      says: ['list.yaml', 'BEGIN CERTIFICATE'],
    },
  ];
  await writeFiles(folder, { 'broken.yaml': 'a: [\n', 'list.yaml': '- a\n' });
  for (const { name, site, error = 'SITE_INVALID', says } of refused) {
    await t.test(`refuses a site ${name}`, async () => {
      assertFailed(await manifest(site), { error, says });
    });
  }
}

function push(folder: string, ...flags: string[]): Promise<CliRun> {
  return runCli(['push', 'shop.tar', '--site', 'site.yaml', ...flags], { folder });
}

/** Path of a bundle of one image and one chart. */
async function builtBundle(t: TestContext): Promise<string> {
  const connected = await registryOf(t);
  await seed(connected, 'shop/api', '1.0');
  const spec = specYaml('registry.example.com').replace(', plainHttp', `, mirror: "${connected.host}", plainHttp`);
  const folder = await folderWith(t, { ...chartFiles([reference]), 'bundle.yaml': spec });
  assertDone(await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder }));
  return join(folder, 'shop.tar');
}

async function behindTheGap(
  t: TestContext,
  bundle: string,
  options: MemoryOptions = {},
  site = siteYaml('HOST'),
): Promise<{ readonly folder: string; readonly registry: MemoryRegistry }> {
  const registry = await registryOf(t, options);
  const folder = await folderWith(t, {
    'site.yaml': site.replaceAll('HOST', registry.host),
    'ca.pem': await readFile(join(certificates, 'ca.pem')),
    'other.pem': await readFile(join(certificates, 'other-name.pem')),
  });
  await copyFile(bundle, join(folder, 'shop.tar'));
  return { folder, registry };
}
