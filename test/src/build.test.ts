import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { sampleImage, sampleIndex } from '../registries/sample-images.ts';
import { assertDone, assertFailed, assertLeft, type CliRun, runCli } from './cli.ts';
import { chartFiles, folderWith, podYaml, registryOf, seed, sha256Of, specYaml, workshop, writeFiles } from './workshop.ts';

const build = (folder: string, output: string, ...flags: string[]): Promise<CliRun> =>
  runCli(['build', 'bundle.yaml', '-o', output, ...flags], { folder });

test('one lock gives the same bytes, whatever happens to the tags and wherever it is built', async (t) => {
  const { folder, registry } = await workshop(t);
  assertDone(await build(folder, 'first.tar'));
  const first = await sha256Of(join(folder, 'first.tar'));
  const lock = await readFile(join(folder, 'bundle.lock.yaml'), 'utf8');
  assertDone(await build(folder, 'again.tar'));
  assert.equal(await sha256Of(join(folder, 'again.tar')), first);
  await seed(registry, 'shop/api', '1.0', sampleImage({ seed: 'a newer one' }));
  const elsewhere = await folderWith(t, {});
  await cp(folder, join(elsewhere, 'deep/down'), { recursive: true });
  assertDone(await build(join(elsewhere, 'deep/down'), '../moved.tar', '--locked'));
  assert.equal(await sha256Of(join(elsewhere, 'deep/moved.tar')), first);
  assert.equal(await readFile(join(elsewhere, 'deep/down/bundle.lock.yaml'), 'utf8'), lock);
  assertDone(await build(folder, 'newer.tar'));
  assert.notEqual(await sha256Of(join(folder, 'newer.tar')), first);
  assert.notEqual(await readFile(join(folder, 'bundle.lock.yaml'), 'utf8'), lock);
});

test('a lock that does not fit', async (t) => {
  const { folder, registry } = await workshop(t);
  const locked = () => build(folder, 'shop.tar', '--locked');
  await t.test('because there is none', async () => {
    assertFailed(await locked(), {
      error: 'FILE_UNREADABLE',
      says: ['bundle.lock.yaml', 'there is no such file', 'build once without --locked'],
    });
  });
  assertDone(await build(folder, 'old.tar'));
  const files = {
    'bundle.lock.yaml': await readFile(join(folder, 'bundle.lock.yaml'), 'utf8'),
    'bundle.yaml': specYaml(registry.host),
    'chart/values.yaml': chartFiles([`${registry.host}/shop/api:1.0`])['chart/values.yaml'] ?? '',
  };
  const cases: readonly {
    readonly name: string;
    readonly file: keyof typeof files;
    readonly to: string;
    readonly error?: string;
    readonly says: readonly (string | RegExp)[];
  }[] = [
    {
      name: 'because the chart changed',
      file: 'chart/values.yaml',
      to: `${files['chart/values.yaml']}more: 1\n`,
      says: [/chart shop 1\.0\.0 of release shop has other contents: sha256:\w{64} in the lock, sha256:\w{64} now/],
    },
    {
      name: 'because an image came',
      file: 'bundle.yaml',
      to: specYaml(registry.host, `images: { extra: ["${registry.host}/shop/web:1"] }\n`),
      says: [`the spec makes ${registry.host}/shop/web:1, the lock does not have it`],
    },
    {
      name: 'because it is broken',
      file: 'bundle.lock.yaml',
      to: files['bundle.lock.yaml'].replace('sha256:', 'sha512:'),
      error: 'LOCK_INVALID',
      says: ['bundle.lock.yaml:', 'expected "sha256:" and 64 hex digits'],
    },
    {
      name: 'because it is of another kind',
      file: 'bundle.lock.yaml',
      to: files['bundle.yaml'],
      error: 'LOCK_INVALID',
      says: ['bundle.lock.yaml:2:7 kind:'],
    },
  ];
  for (const { name, file, to, error = 'LOCK_STALE', says } of cases) {
    await t.test(name, async () => {
      await writeFiles(folder, { ...files, [file]: to });
      assertFailed(await locked(), { error, says });
      assert.equal(
        await readFile(join(folder, 'bundle.lock.yaml'), 'utf8'),
        file === 'bundle.lock.yaml' ? to : files['bundle.lock.yaml'],
      );
    });
  }
  await t.test('because the registry has thrown the image away', async () => {
    await writeFiles(folder, files);
    registry.store.repositories.delete('shop/api');
    assertFailed(await locked(), { error: 'REGISTRY_NOT_FOUND', says: ['shop/api@sha256:', 'build once without --locked'] });
  });
  await assertLeft(folder, ['bundle.lock.yaml', 'bundle.yaml', 'chart', 'old.tar']);
});

test('a change of platforms makes a lock stale', async (t) => {
  const { folder, registry } = await workshop(t);
  await seed(registry, 'shop/api', '1.0', sampleIndex(['linux/amd64', 'linux/arm64']));
  assertDone(await build(folder, 'shop.tar'));
  const spec = specYaml(registry.host).replace('["1.36"] }', '["1.36"], platforms: [linux/amd64, linux/arm64] }');
  await writeFiles(folder, { 'bundle.yaml': spec });
  const run = await build(folder, 'both.tar', '--locked');
  assertFailed(run, { error: 'LOCK_STALE', says: ['shop/api:1.0 would be stored as sha256:', 'and the lock says sha256:'] });
  assertDone(await build(folder, 'both.tar'));
  assert.deepEqual((await contentOf(join(folder, 'both.tar'))).images[0]?.platforms, ['linux/amd64', 'linux/arm64']);
});

test('everything a spec can name finds its way into the bundle', async (t) => {
  const registry = await registryOf(t);
  for (const [repository, tag] of [
    ['hub/shop/web', '2'],
    ['hub/library/tool', 'latest'],
    ['shop/extra', '1'],
    ['shop/report', '1'],
    ['shop/odd', '1'],
    ['diolkos', '0.1'],
  ] as const) {
    await seed(registry, repository, tag);
  }
  const { host } = registry;
  const folder = await folderWith(t, {
    'bundle.yaml': `apiVersion: diolkos.dev/v1
kind: Bundle
metadata: { name: shop, version: 1.0.0 }
target: { kubernetes: ["1.35", "1.36"] }
installer: ${host}/diolkos:0.1
sources:
  images:
    - { host: docker.io, mirror: "${host}/hub", plainHttp: true }
    - { host: "${host}", plainHttp: true }
releases:
  - name: base
    namespace: base
    chart: { path: base }
  - name: shop
    namespace: { name: shop, create: false }
    chart: { path: chart }
    dependsOn: [base]
    values:
      - file: values.yaml
      - inline: { mode: 0644 }
      - configMap: { name: site-values }
      - secret: { name: site-secrets, key: more.yaml, optional: true }
    scan:
      report: [{ inline: { images: [shop/web:2, "${host}/shop/report:1"] } }]
images:
  extra: ["${host}/shop/extra:1"]
  ignore: [registry.example.com/never]
  paths: [{ release: shop, path: "odd.where.it.is" }]
`,
    'values.yaml': '# kept as it is\nimages: [shop/web:2]\n',
    ...chartFiles(['replaced.example.com/x:1']),
    'chart/templates/odd.yaml': `{{ with .Values.odd }}${podYaml('odd', '{{ .where.it.is }}')}{{ end }}`,
    'chart/templates/never.yaml': podYaml('never', 'registry.example.com/never:1'),
    'base/Chart.yaml': 'apiVersion: v2\nname: base\nversion: 2.0.0+build.1\n',
    'base/values.yaml': 'image: tool\n',
    'base/templates/pod.yaml': podYaml('base', '{{ .Values.image }}'),
  });
  await writeFiles(folder, {
    'chart/values.yaml': `images: [replaced.example.com/x:1]\nodd: { where: { it: { is: "${host}/shop/odd:1" } } }\n`,
  });
  assertDone(await build(folder, 'shop.tar'));
  const json = await contentOf(join(folder, 'shop.tar'));
  assert.deepEqual(json.images.map((image) => `${image.reference.replace(host, 'HOST')} ${image.class}`).sort(), [
    'HOST/diolkos:0.1 installer',
    'HOST/shop/extra:1 extra',
    'HOST/shop/odd:1 used',
    'HOST/shop/report:1 gated',
    'docker.io/library/tool:latest used',
    'docker.io/shop/web:2 used',
  ]);
  const [, shop] = json.releases;
  assert.deepEqual(shop?.values, [
    { name: 'values.yaml', text: '# kept as it is\nimages: [shop/web:2]\n' },
    { name: 'releases[1].values[1].inline', text: '{\n  "mode": 420\n}\n' },
    { configMap: { name: 'site-values', key: 'values.yaml', optional: false } },
    { secret: { name: 'site-secrets', key: 'more.yaml', optional: true } },
  ]);
  assert.deepEqual(shop?.namespace, { name: 'shop', create: false });
  assert.deepEqual(shop?.dependsOn, ['base']);
  assert.deepEqual(
    json.charts.map(({ name, version }) => `${name} ${version}`),
    ['base 2.0.0+build.1', 'shop 1.0.0'],
  );
  assert.equal(json.installer, `${host}/diolkos:0.1`);

  await t.test('and the installer comes out of a local archive too', async () => {
    const bundle = await openBundle(join(folder, 'shop.tar'), { signal: t.signal });
    const archive = bundle.parts.find(({ name }) => name === 'install/installer.tar');
    assert.ok(archive !== undefined);
    await writeFile(join(folder, 'installer.tar'), await bundle.readRaw(archive.position, archive.size));
    await bundle.close();
    const spec = await readFile(join(folder, 'bundle.yaml'), 'utf8');
    await writeFiles(folder, {
      'bundle.yaml': spec.replace(`installer: ${host}/diolkos:0.1`, 'installer: oci-archive:installer.tar'),
    });
    registry.store.repositories.delete('diolkos');
    assertDone(await build(folder, 'same.tar'));
    assert.equal(await sha256Of(join(folder, 'same.tar')), await sha256Of(join(folder, 'shop.tar')));
  });
});

test('summary on stdout, messages on stderr, and one JSON document with --format json', async (t) => {
  const { folder, registry } = await workshop(t);
  const text = await build(folder, 'shop.tar');
  assert.match(assertDone(text), /^shop\.tar: 1 chart, 1 image, [\d.]+ kB, every digest verified\n$/);
  assert.equal(text.stderr.replace(/[\d.]+ kB/, 'SIZE'), '1 image in 1 release, every rewrite proven\n6 blobs, SIZE to write\n');
  const built = JSON.parse(assertDone(await build(folder, 'shop.tar', '--format', 'json')));
  const { size, reused, ...rest } = built;
  assert.ok(reused > 60_000 && reused < size);
  assert.deepEqual(rest, { output: 'shop.tar', lock: 'bundle.lock.yaml', charts: 1, images: 1, blobs: 6 });
  assert.equal(size, (await readFile(join(folder, 'shop.tar'))).length);
  const found = JSON.parse(assertDone(await runCli(['images', 'bundle.yaml', '--format', 'json'], { folder })));
  assert.deepEqual(found.charts[0].images, [
    {
      reference: `${registry.host}/shop/api:1.0`,
      class: 'used',
      gates: [],
      valuesPaths: ['images[0]'],
      foundAt: [{ kind: 'Pod', name: 'shop', path: 'spec.containers[0].image' }],
      rewritable: 'values',
    },
  ]);
  const [lock] = parseYaml11(await readFile(join(folder, 'bundle.lock.yaml'), 'utf8')) as { images: { reference: string }[] }[];
  const inspected = JSON.parse(assertDone(await runCli(['inspect', 'shop.tar', '--format', 'json'], { folder })));
  assert.deepEqual(inspected.images, lock?.images);
  const verified = JSON.parse(assertDone(await runCli(['verify', 'shop.tar', '--format', 'json'], { folder })));
  assert.deepEqual(verified, { full: true, images: 1, charts: 1, blobs: 6, absent: 0, bytes: size });
});

async function contentOf(file: string) {
  const bundle = await openBundle(file, { signal: new AbortController().signal });
  await bundle.close();
  return bundle.json;
}
