import assert from 'node:assert/strict';
import { appendFile, copyFile, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { findDamage, verifyBundle } from '../../images/bundle/verify-bundle.ts';
import { readExtents } from '../../images/extent-reader.ts';
import { pushBundle } from '../../images/push/push-bundle.ts';
import { noise, sampleImage } from '../registries/sample-images.ts';
import { startMemoryClient } from './memory-client.ts';
import { collected, makeSamples, tempDir, tinySamples, writeShop } from './sample-bundle.ts';
import { splitFile } from './split.ts';

/** A bundle of 20 kB in volumes of 4 kB, so that blobs lie across them. */
async function volumes(t: TestContext, { withParts = true, size = 4000 } = {}) {
  const { file } = await writeShop(t, await tinySamples());
  const folder = join(await tempDir(t), 'disk');
  const { paths, parts } = await splitFile(file, folder, size);
  if (withParts) await writeFile(join(folder, 'shop.tar.parts.json'), JSON.stringify(parts));
  const open = (name = 'shop.tar', further: readonly string[] = []) =>
    openBundle(join(folder, name), { volumes: further, signal: t.signal });
  return { file, folder, paths, parts, open };
}

for (const name of ['shop.tar', 'shop.tar.001', 'shop.tar.parts.json']) {
  test(`volumes are read in place when ${name} is given`, async (t) => {
    const { file, folder, open } = await volumes(t);
    const whole = await readFile(file);
    const bundle = await open(name);
    t.after(() => bundle.close());
    assert.equal(bundle.size, whole.length);
    for (const part of bundle.parts) {
      const bytes = whole.subarray(part.position, part.position + part.size);
      assert.deepEqual(Buffer.concat(await collected(bundle.streamPart(part, { signal: t.signal }))), bytes);
      assert.deepEqual(await readExtents(bundle.extents(part)), bytes);
    }
    assert.ok(bundle.parts.some((part) => bundle.extents(part).length > 2));
    const verified = await verifyBundle(join(folder, name), { full: true, signal: t.signal });
    assert.equal(verified.bytes, whole.length);
  });
}

test('volumes of any size are read, also those smaller than a tar block', async (t) => {
  for (const size of [100, 511, 512, 1000, 9_999, 1 << 20]) {
    const { folder } = await volumes(t, { withParts: false, size });
    await verifyBundle(join(folder, 'shop.tar.001'), { full: true, signal: t.signal });
  }
});

test('volumes lie in several directories', async (t) => {
  const { folder, paths, open } = await volumes(t);
  const other = join(folder, '../other');
  await mkdir(other);
  for (const path of paths.filter((_, index) => index % 2 === 1)) await rename(path, path.replace('disk', 'other'));
  await assert.rejects(open(), { code: 'VOLUME_MISSING' });
  await (await open('shop.tar', [other])).close();
  await rename(join(folder, 'shop.tar.parts.json'), join(other, 'shop.tar.parts.json'));
  await (await open('shop.tar', [other])).close();
  await rm(join(other, 'shop.tar.parts.json'));
  await (await open('shop.tar', [other])).close();
});

test('of two copies of a volume the one with the right size is read', async (t) => {
  const { folder, paths, open } = await volumes(t);
  const other = join(folder, '../other');
  await mkdir(other);
  await copyFile(paths[1] ?? '', join(other, 'shop.tar.002'));
  await truncate(paths[1] ?? '', 10);
  await (await open('shop.tar', [other])).close();
});

test('volumes that were renamed together are still found', async (t) => {
  const { folder, paths, open } = await volumes(t);
  for (const path of [...paths, join(folder, 'shop.tar.parts.json')]) await rename(path, path.replace('shop.tar', 'new.tar'));
  await (await open('new.tar')).close();
});

test('joined volumes are the bundle', async (t) => {
  const { file, folder, paths } = await volumes(t);
  const joined = join(folder, 'joined.tar');
  for (const path of paths) await appendFile(joined, await readFile(path));
  assert.deepEqual(await readFile(joined), await readFile(file));
  await verifyBundle(joined, { full: true, signal: t.signal });
});

const spoiled: readonly {
  readonly name: string;
  readonly spoil: (paths: readonly string[]) => Promise<unknown>;
  readonly code: string;
  readonly message: RegExp;
  /** What is said without a parts.json, where it differs. */
  readonly unlisted?: { readonly code?: string; readonly message: RegExp };
}[] = [
  {
    name: 'two are missing',
    spoil: async ([, two = '', , four = '']) => [await rm(two), await rm(four)],
    code: 'VOLUME_MISSING',
    message: /^2 of \d+ volumes of shop.tar are missing: shop.tar.002, shop.tar.004$/,
  },
  {
    name: 'the last is missing',
    spoil: (paths) => rm(paths.at(-1) ?? ''),
    code: 'VOLUME_MISSING',
    message: /^1 of \d+ volumes of shop.tar is missing: shop.tar.0\d\d$/,
  },
  {
    name: 'the first is missing',
    spoil: ([one = '']) => rm(one),
    code: 'VOLUME_MISSING',
    message: /^1 of \d+ volumes of shop.tar is missing: shop.tar.001$/,
  },
  {
    name: 'one is too short',
    spoil: ([, two = '']) => truncate(two, 3999),
    code: 'BUNDLE_DAMAGED',
    message: /shop.tar.002 is too short: it has 3999 bytes, and should have 4000/,
  },
  {
    name: 'the last is too short',
    spoil: async (paths) => truncate(paths.at(-1) ?? '', 1),
    code: 'BUNDLE_DAMAGED',
    message: /shop.tar.0\d\d is too short: it has 1 bytes/,
  },
  {
    name: 'one is too long',
    spoil: ([, two = '']) => appendFile(two, 'x'),
    code: 'BUNDLE_DAMAGED',
    message: /shop.tar.002 is too long: it has 4001 bytes, and should have 4000/,
  },
];
for (const { name, spoil, code, message } of spoiled) {
  for (const withParts of [true, false]) {
    test(`when ${name}, it is named ${withParts ? 'by parts.json' : 'by its number'}`, async (t) => {
      const { paths, open } = await volumes(t, { withParts });
      await spoil(paths);
      await assert.rejects(open(withParts ? 'shop.tar.parts.json' : 'shop.tar'), { code, message });
    });
  }
}

test('a volume of another bundle is named', async (t) => {
  const { paths, open } = await volumes(t);
  const other = await writeShop(
    t,
    await makeSamples([['docker.io/library/tiny:1', sampleImage({ seed: 'other', layers: [30_000, 9_000] })]]),
  );
  const { paths: theirs } = await splitFile(other.file, join(await tempDir(t), 'other'), 4000);
  await copyFile(theirs[paths.length - 2] ?? '', paths.at(-2) ?? '');
  await assert.rejects(open(), { code: 'BUNDLE_DAMAGED', message: /shop.tar.\d\d\d is of another bundle, or damaged/ });
  await copyFile(theirs[0] ?? '', paths[0] ?? '');
  await assert.rejects(open(), { code: 'BUNDLE_DAMAGED', message: /shop.tar.001 is damaged, or of another bundle/ });
});

test('damage is told with the volume it is in, also where a blob lies across several', async (t) => {
  const { file } = await writeShop(t);
  const folder = join(await tempDir(t), 'disk');
  const { paths, parts } = await splitFile(file, folder, 700_000);
  await writeFile(join(folder, 'shop.tar.parts.json'), JSON.stringify(parts));
  const third = await readFile(paths[2] ?? '');
  third.writeUInt8(third.readUInt8(350_000) ^ 1, 350_000);
  await writeFile(paths[2] ?? '', third);
  const bundle = await openBundle(join(folder, 'shop.tar'), { signal: t.signal });
  t.after(() => bundle.close());
  const [damage, ...more] = await findDamage(bundle, { full: true, signal: t.signal });
  assert.deepEqual(more, []);
  assert.deepEqual(damage?.volumes, [paths[2]]);
  assert.deepEqual(damage?.hurts, ['registry.example/shop/api:1', 'docker.io/library/api-too:1']);
  await assert.rejects(verifyBundle(join(folder, 'shop.tar'), { full: true, signal: t.signal }), {
    code: 'BUNDLE_DAMAGED',
    message: /in .*shop.tar.003/,
  });
});

test('a volume of another bundle that no header lies in passes the quick checks, and no push sets a tag on it', async (t) => {
  const { file } = await writeShop(t);
  const folder = join(await tempDir(t), 'disk');
  const { paths, parts } = await splitFile(file, folder, 300_000);
  await writeFile(join(folder, 'shop.tar.parts.json'), JSON.stringify(parts));
  const whole = await openBundle(file, { signal: t.signal });
  await whole.close();
  const headers = whole.parts.map(({ position }) => Math.floor((position - 512) / 300_000));
  const inside = paths.findIndex((_, index) => index < paths.length - 1 && !headers.includes(index));
  assert.ok(inside > 0, 'no volume lies within one blob');
  const swapped = paths[inside] ?? '';
  await writeFile(swapped, noise('of another bundle', 300_000));

  await verifyBundle(join(folder, 'shop.tar'), { full: false, signal: t.signal });
  const bundle = await openBundle(join(folder, 'shop.tar'), { signal: t.signal });
  t.after(() => bundle.close());
  const { memory, registry } = await startMemoryClient(t);
  const target = { host: registry.host, prefix: 'apps' };
  await assert.rejects(pushBundle(bundle, registry, target, { signal: t.signal }), { code: 'BUNDLE_DAMAGED' });
  for (const [name, { tags }] of memory.store.repositories) assert.deepEqual([...tags.keys()], [], name);
  await assert.rejects(verifyBundle(join(folder, 'shop.tar'), { full: true, signal: t.signal }), {
    code: 'BUNDLE_DAMAGED',
    message: new RegExp(`in ${swapped.replaceAll('.', '\\.')}`),
  });
});

const wrongParts: readonly { readonly name: string; readonly text: (parts: object) => string; readonly message: RegExp }[] = [
  { name: 'no JSON', text: () => '{', message: /is wrong at its top/ },
  { name: 'sizes that do not sum up', text: (parts) => JSON.stringify({ ...parts, size: 7 }), message: /the whole 7/ },
  {
    name: 'a name that leads out of the folder',
    text: (parts) => JSON.stringify({ ...parts, parts: [{ name: '../x', size: 1, sha256: '0'.repeat(64) }] }),
    message: /is wrong at parts.0.name/,
  },
];
for (const { name, text, message } of wrongParts) {
  test(`a parts.json with ${name} is refused`, async (t) => {
    const { folder, parts, open } = await volumes(t);
    await writeFile(join(folder, 'shop.tar.parts.json'), text(parts));
    await assert.rejects(open('shop.tar.parts.json'), { code: 'BUNDLE_INVALID', message });
  });
}

test('a whole file with a number at its end is read as what it is', async (t) => {
  const { file } = await writeShop(t, await tinySamples());
  const folder = await tempDir(t);
  await copyFile(file, join(folder, 'shop-1.204'));
  await copyFile(file, join(folder, 'lone.tar.001'));
  for (const name of await readdir(folder)) await verifyBundle(join(folder, name), { full: true, signal: t.signal });
});
