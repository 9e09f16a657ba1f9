import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { sampleImage } from '../registries/sample-images.ts';
import { assertDone, assertFailed, assertLeft, type CliRun, runCli } from './cli.ts';
import { chartFiles, folderWith, registryOf, seed, specYaml, workshop } from './workshop.ts';

const run = promisify(execFile);
const inputs = ['bundle.yaml', 'chart'];
const built = ['bundle.lock.yaml', ...inputs];

test('a bundle that goes to stdout is the one that goes to a file, and nothing else is said there', async (t) => {
  const { folder } = await workshop(t);
  assertDone(await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder }));
  const lock = await readFile(join(folder, 'bundle.lock.yaml'), 'utf8');
  await writeFile(join(folder, 'bundle.lock.yaml'), 'yesterday');
  for (const format of ['text', 'json']) {
    const target = await open(join(folder, 'piped.tar'), 'w');
    const piped = await runCli(['build', 'bundle.yaml', '-o', '-', '--format', format], { folder, stdout: target.fd });
    await target.close();
    assertDone(piped);
    assert.match(piped.stderr, format === 'text' ? /^stdout: 1 chart, 1 image, .* every digest verified$/m : /^\{"output":"-",/m);
    assert.ok((await readFile(join(folder, 'piped.tar'))).equals(await readFile(join(folder, 'shop.tar'))));
  }
  assert.equal(await readFile(join(folder, 'bundle.lock.yaml'), 'utf8'), lock);
  await assertLeft(folder, [...built, 'piped.tar', 'shop.tar']);
});

test('a reader of stdout that ends early ends the build with words, and the lock stays as it was', async (t) => {
  const registry = await registryOf(t);
  await seed(registry, 'shop/api', '1', sampleImage({ seed: 'large', layers: [3_000_000] }));
  const folder = await folderWith(t, { ...chartFiles([`${registry.host}/shop/api:1`]), 'bundle.yaml': specYaml(registry.host) });
  const wrapper = ['bash', '-c', '{ "$@"; echo "ended with $?" >&2; } | head -c 1000 | wc -c >&2', 'bash'];
  const { stderr }: CliRun = await runCli(['build', 'bundle.yaml', '-o', '-'], { folder, wrapper });
  assert.match(stderr, /error: whoever reads the bundle from stdout has ended before it was whole \[FILE_UNWRITABLE\]\nhint:/);
  assert.match(stderr, /^ended with 1$/m);
  assert.doesNotMatch(stderr, /^\s+at /m);
  await assertLeft(folder, inputs);
});

const refused: readonly (readonly [string, readonly string[], string])[] = [
  ['volumes on stdout', ['-o', '-', '--volume-size', 'dvd'], 'stdout is one stream'],
  ['checksums beside stdout', ['-o', '-', '--sha256sums'], 'stdout is one stream'],
  ['a volume size without a unit', ['-o', 'shop.tar', '--volume-size', '4000000000'], 'is no size'],
];
for (const [name, flags, says] of refused) {
  test(`${name}: bad usage, before any work is done`, async (t) => {
    const { folder, registry } = await workshop(t);
    const before = registry.requests.length;
    assertFailed(await runCli(['build', 'bundle.yaml', ...flags], { folder }), {
      error: 'USAGE_INVALID',
      exit: 64,
      says: [says],
    });
    assert.equal(registry.requests.length, before);
    await assertLeft(folder, inputs);
  });
}

test('a bundle in volumes has its checksums, is read in place, and does not touch a file of its name', async (t) => {
  const registry = await registryOf(t);
  await seed(registry, 'shop/api', '1', sampleImage({ seed: 'large', layers: [1_500_000, 900_000] }));
  const folder = await folderWith(t, { ...chartFiles([`${registry.host}/shop/api:1`]), 'bundle.yaml': specYaml(registry.host) });
  await writeFile(join(folder, 'shop.tar'), 'another');
  const build = await runCli(['build', 'bundle.yaml', '-o', 'shop.tar', '--volume-size', '1MB'], { folder });
  assert.match(assertDone(build), /^shop\.tar: 1 chart, 1 image, 2\.4 MB in 3 volumes, every digest verified$/m);
  assert.match(build.stderr, /^shop\.tar itself is of an earlier build and was left as it was/m);
  const volumes = ['shop.tar.001', 'shop.tar.002', 'shop.tar.003', 'shop.tar.parts.json', 'shop.tar.sha256'];
  await assertLeft(folder, [...built, 'shop.tar', ...volumes]);
  await run('sha256sum', ['--check', '--strict', '--quiet', 'shop.tar.sha256'], { cwd: folder });
  assertDone(await runCli(['verify', 'shop.tar.001'], { folder }));
  assert.equal(await readFile(join(folder, 'shop.tar'), 'utf8'), 'another');
  const single = await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder });
  assertDone(single);
  assert.match(single.stderr, /^shop\.tar\.001 and the other volumes are of an earlier build and were left as they were/m);
  await assertLeft(folder, [...built, 'shop.tar', ...volumes]);
});

test('--sha256sums writes what sha256sum checks', async (t) => {
  const { folder } = await workshop(t);
  await mkdir(join(folder, 'out'));
  assertDone(await runCli(['build', 'bundle.yaml', '-o', 'out/shop.tar', '--sha256sums'], { folder }));
  const { stdout } = await run('sha256sum', ['--check', '--strict', 'shop.tar.sha256'], { cwd: join(folder, 'out') });
  assert.equal(stdout, 'shop.tar: OK\n');
});
