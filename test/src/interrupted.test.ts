import assert from 'node:assert/strict';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { MemoryRegistry } from '../registries/memory-registry.ts';
import { sampleImage } from '../registries/sample-images.ts';
import { assertDone, assertFailed, assertLeft, type CliRun, runCli } from './cli.ts';
import { chartFiles, folderWith, registryOf, seed, siteYaml, specYaml, tagsOf, writeFiles } from './workshop.ts';

const signals = ['SIGINT', 'SIGTERM'] as const;
const big = sampleImage({ seed: 'big', layers: [400_000] });
const layer = big.blobs.reduce((a, b) => (a.bytes.length > b.bytes.length ? a : b));

for (const signal of signals) {
  test(`${signal} while a layer arrives leaves what was there, and the next build continues`, async (t) => {
    const { folder, held } = await heldRegistry(t, 'GET');
    await writeFiles(folder, { 'shop.tar': 'yesterday', 'bundle.lock.yaml': 'yesterday' });
    const run = await interrupted(folder, ['build', 'bundle.yaml', '-o', 'shop.tar'], held, signal);
    const kept = /run the same build again to continue: [\d.]+ k?B of \d+ kB are there; to begin anew, delete shop\.tar\.partial/;
    assertFailed(run, { error: 'INTERRUPTED', exit: 130, says: [`stopped by ${signal}`, 'run the same command again', kept] });
    const partial = ['shop.tar.partial', 'shop.tar.partial.journal'];
    await assertLeft(folder, ['bundle.lock.yaml', 'bundle.yaml', 'chart', 'shop.tar', 'site.yaml', ...partial]);
    for (const file of ['shop.tar', 'bundle.lock.yaml']) assert.equal(await readFile(join(folder, file), 'utf8'), 'yesterday');
    const second = await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder });
    assertDone(second);
    assert.match(second.stderr, /^continued: [\d.]+ k?B of \d+ kB are there from an earlier run/m);
    assertDone(await runCli(['verify', 'shop.tar'], { folder }));
    await assertLeft(folder, ['bundle.lock.yaml', 'bundle.yaml', 'chart', 'shop.tar', 'site.yaml']);
  });
}

test('SIGINT while a layer is pushed leaves no tag, and the next push sends the rest', async (t) => {
  const { folder, held, registry } = await heldRegistry(t, 'PUT');
  assertDone(await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder }));
  const before = tagsOf(registry);
  const push = ['push', 'shop.tar', '--site', 'site.yaml'];
  const run = await interrupted(folder, push, held, 'SIGINT');
  assertFailed(run, { error: 'INTERRUPTED', exit: 130, says: ['stopped by SIGINT'] });
  assert.deepEqual(tagsOf(registry), before);
  assert.match(assertDone(await runCli(push, { folder })), /^pushed {2}/);
  assert.equal(tagsOf(registry).length, before.length + 2);
});

test('SIGINT while helm renders ends helm too', async (t) => {
  const folder = await folderWith(t, { ...chartFiles([]), 'bundle.yaml': specYaml('registry.example.com') });
  const helm = join(folder, 'helm');
  const started = join(folder, 'started');
  // A helm that never ends: only its version is told.
  await writeFile(helm, `#!/bin/sh\n[ "$1" = version ] && echo v4.2.3 && exit\necho $$ > "${started}"\nexec sleep 600\n`);
  await chmod(helm, 0o755);
  const isStarted = async () => {
    while ((await readFile(started, 'utf8').catch(() => '')) === '') await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const run = await interrupted(folder, ['images', 'bundle.yaml'], isStarted(), 'SIGINT', { DIOLKOS_HELM: helm });
  assertFailed(run, { error: 'INTERRUPTED', exit: 130 });
  const pid = Number(await readFile(started, 'utf8'));
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  await assertLeft(folder, ['bundle.yaml', 'chart', 'helm', 'started']);
});

test('a second build into the same file is refused while the first one runs, which ends well', async (t) => {
  const { folder, held, release } = await heldRegistry(t, 'GET');
  const first = runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder });
  await held;
  assert.deepEqual(
    (await readdir(folder)).filter((name) => /^shop/.test(name)),
    ['shop.tar.partial', 'shop.tar.partial.journal'],
  );
  const second = await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder });
  assertFailed(second, { error: 'FILE_UNWRITABLE', says: ['another process is writing shop.tar (process ', 'wait for it'] });
  release();
  assertDone(await first);
  assertDone(await runCli(['verify', 'shop.tar'], { folder }));
});

interface Held {
  readonly folder: string;
  readonly registry: MemoryRegistry;
  /** Resolves when the layer's request is under way, half of it done. */
  readonly held: Promise<void>;
  /** Lets the request go on. */
  release(): void;
}

/** A registry that holds the first transfer of the layer halfway: to us (GET) or from us (PUT). */
async function heldRegistry(t: TestContext, method: 'GET' | 'PUT'): Promise<Held> {
  const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let waiting = true;
  const hold = async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    if (!waiting || request.method !== method || !decodeURIComponent(request.url ?? '').endsWith(layer.descriptor.digest))
      return false;
    waiting = false;
    if (method === 'PUT') {
      begun.resolve();
      await new Promise((resolve) => request.once('close', resolve));
      return true;
    }
    response.writeHead(200, { 'content-length': layer.bytes.length });
    // Time enough for the small blobs, which are asked for at the same time, to be whole.
    response.write(layer.bytes.subarray(0, layer.bytes.length >> 1), () => void setTimeout(begun.resolve, 500));
    await Promise.race([gate.promise, new Promise((resolve) => response.once('close', resolve))]);
    response.end(layer.bytes.subarray(layer.bytes.length >> 1));
    return true;
  };
  let seeded = false;
  const registry = await registryOf(t, { intercept: (request, response) => seeded && hold(request, response) });
  await seed(registry, 'shop/api', '1.0', big);
  seeded = true;
  const folder = await folderWith(t, {
    ...chartFiles([`${registry.host}/shop/api:1.0`]),
    'bundle.yaml': specYaml(registry.host),
    'site.yaml': siteYaml(registry.host).replace(', plainHttp', ', prefix: behind, plainHttp'),
  });
  return { folder, registry, held: begun.promise, release: gate.resolve };
}

/** Runs the command and sends `signal` once `moment` has come. */
async function interrupted(
  folder: string,
  args: readonly string[],
  moment: Promise<void>,
  signal: NodeJS.Signals,
  env: Readonly<Record<string, string>> = {},
): Promise<CliRun> {
  return runCli(args, { folder, env, onStart: (child) => void moment.then(() => child.kill(signal)) });
}
