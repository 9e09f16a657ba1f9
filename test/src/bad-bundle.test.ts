import assert from 'node:assert/strict';
import { appendFile, copyFile, mkdir, open, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { noise } from '../registries/sample-images.ts';
import { assertDone, assertFailed, runCli } from './cli.ts';
import { tarOf } from './tar-of.ts';
import { siteYaml, tagsOf, workshop } from './workshop.ts';

/** Files that are no bundle of ours, and how `verify` calls them. */
const foreign: readonly { readonly name: string; readonly says: string; make(file: string): Promise<unknown> }[] = [
  { name: 'an empty file', says: 'it is empty', make: (file) => writeFile(file, '') },
  { name: 'random bytes', says: 'it is no tar', make: (file) => writeFile(file, noise('no tar', 5000)) },
  { name: 'a text', says: 'it is no tar', make: (file) => writeFile(file, 'apiVersion: diolkos.dev/v1\n') },
  {
    name: 'a compressed bundle',
    says: 'compressed with gzip',
    make: (file) => writeFile(file, gzipSync(tarOf(['bundle.json']))),
  },
  { name: 'an OCI archive', says: 'OCI archive', make: (file) => writeFile(file, tarOf(['oci-layout', 'index.json'])) },
  {
    name: 'a docker archive',
    says: 'docker archive',
    make: (file) => writeFile(file, tarOf(['abc/layer.tar', 'manifest.json'])),
  },
  {
    name: 'a bundle that was packed anew',
    says: 'packed it anew',
    make: (file) => writeFile(file, tarOf(['oci-layout', 'bundle.json'])),
  },
  { name: 'a tar of something else', says: 'a tar of something else', make: (file) => writeFile(file, tarOf(['etc/passwd'])) },
];

/** Where one byte is changed, from the parts of a real bundle, and what `verify` says of it. */
const flips: readonly { readonly name: string; readonly error?: string; readonly says: RegExp; at(parts: Parts): number }[] = [
  { name: 'bundle.json', error: 'BUNDLE_DAMAGED', says: /bundle\.json/, at: ({ start }) => start('bundle.json') + 40 },
  { name: 'oci-layout', says: /oci-layout: its bytes are not what was written/, at: ({ start }) => start('oci-layout') + 5 },
  { name: 'index.json', says: /index\.json: its bytes/, at: ({ start }) => start('index.json') + 9 },
  { name: 'the README', says: /install\/README\.md: its bytes/, at: ({ start }) => start('install/README.md') + 1 },
  { name: 'a layer', says: /blobs\/sha256\/\w{64}: its bytes .*needed by .*shop\/api:1\.0/, at: ({ layer }) => layer + 100 },
  {
    name: 'the header of a layer',
    says: /blobs\/sha256\/\w{64}: its tar header is damaged/,
    at: ({ layer }) => layer - 512 + 110,
  },
  { name: 'the last block', says: /end: the zeros at the end are damaged/, at: ({ size }) => size - 1 },
];

interface Parts {
  readonly size: number;
  /** Offset of the largest blob. */
  readonly layer: number;
  start(name: string): number;
}

test('bad bundles', async (t) => {
  const { folder, registry } = await workshop(t);
  assertDone(await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder }));
  const parts = await partsOf(t, join(folder, 'shop.tar'));
  const bad = join(folder, 'bad.tar');
  const copy = () => copyFile(join(folder, 'shop.tar'), bad);
  const verify = (...flags: string[]) => runCli(['verify', 'bad.tar', ...flags], { folder });

  for (const { name, says, make } of foreign) {
    await t.test(`${name} is no bundle`, async () => {
      await make(bad);
      assertFailed(await verify(), { error: 'BUNDLE_INVALID', says: ['bad.tar', says] });
    });
  }

  for (const { name, error = 'BUNDLE_DAMAGED', says, at } of flips) {
    await t.test(`one flipped byte in ${name} is found and named`, async () => {
      await copy();
      await flipByte(bad, at(parts));
      assertFailed(await verify(), { error, says: ['bad.tar', says] });
    });
  }

  await t.test('a bundle without its end', async () => {
    for (const size of [parts.size - 1024, parts.layer + 10, 700]) {
      await copy();
      await truncate(bad, size);
      const run = await verify('--quick');
      assert.match(run.stderr, /\[BUNDLE_(INVALID|DAMAGED)\]/);
      assertFailed(run, {
        error: /DAMAGED/.test(run.stderr) ? 'BUNDLE_DAMAGED' : 'BUNDLE_INVALID',
        says: ['bad.tar', /truncated|cut|ends|bytes/],
      });
    }
  });

  await t.test('a bundle with something behind its end', async () => {
    await copy();
    await appendFile(bad, 'more');
    assertFailed(await verify('--quick'), { error: 'BUNDLE_DAMAGED', says: ['4 bytes follow that do not belong to it'] });
  });

  await t.test('a directory', async () => {
    await mkdir(join(folder, 'tars'));
    assertFailed(await runCli(['verify', 'tars'], { folder }), {
      error: 'BUNDLE_INVALID',
      says: ['tars is no bundle: it is a directory'],
    });
  });

  await t.test('a bundle that is not there, in every command that reads one', async () => {
    await writeFile(join(folder, 'site.yaml'), siteYaml(registry.host));
    for (const args of [['verify'], ['inspect'], ['push', '--site', 'site.yaml'], ['manifest', '--site', 'site.yaml']]) {
      const [command = '', ...flags] = args;
      const run = await runCli([command, 'absent.tar', ...flags], { folder });
      assertFailed(run, { error: 'FILE_UNREADABLE', says: ['absent.tar', 'there is no such file'] });
    }
  });

  await t.test('a damaged layer is not pushed, and nothing has a tag', async () => {
    await copy();
    await flipByte(bad, parts.layer + 100);
    const before = tagsOf(registry);
    await writeFile(join(folder, 'site.yaml'), siteYaml(registry.host, '').replace(', plainHttp', ', prefix: behind, plainHttp'));
    const run = await runCli(['push', 'bad.tar', '--site', 'site.yaml'], { folder });
    assertFailed(run, { error: 'BUNDLE_DAMAGED', says: [/blobs\/sha256\/\w{64}/] });
    assert.deepEqual(tagsOf(registry), before);
  });
});

async function partsOf(t: TestContext, file: string): Promise<Parts> {
  const bundle = await openBundle(file, { signal: t.signal });
  await bundle.close();
  const [layer] = [...bundle.blobs.values()].sort((a, b) => b.size - a.size);
  const start = (name: string) => bundle.parts.find((part) => part.name === name)?.position ?? Number.NaN;
  return { size: (await stat(file)).size, layer: layer?.position ?? Number.NaN, start };
}

async function flipByte(file: string, at: number): Promise<void> {
  const handle = await open(file, 'r+');
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at);
  await handle.write(Buffer.of((buffer[0] ?? 0) ^ 1), 0, 1, at);
  await handle.close();
}
