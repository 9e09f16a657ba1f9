import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { sampleImage } from '../registries/sample-images.ts';
import { assertDone, runCli } from '../src/cli.ts';
import { chartFiles, folderWith, registryOf, seed, sha256Of, specYaml } from '../src/workshop.ts';
import { killInstants, runKilled } from './series.ts';

const build = ['build', 'bundle.yaml', '-o', 'shop.tar'];
const layers = [900_000, 700_000, 400_000, 300_000, 2000];

test('a build that is killed at any instant leaves nothing that looks whole, and the next one is as if nothing had been', async (t) => {
  const folder = await slowWorkshop(t);
  const startedAt = performance.now();
  assertDone(await runCli(build, { folder }));
  const durationMs = performance.now() - startedAt;
  const whole = await sumsOf(folder);
  const ends = { killed: 0, midWrite: 0, done: 0 };
  for (const [index, afterMs] of killInstants(t, durationMs).entries()) {
    await t.test(`kill ${index + 1} after ${afterMs} ms`, async () => {
      ends[await killOnce(folder, whole, afterMs)] += 1;
      assertDone(await runCli(build, { folder }));
      assert.deepEqual(await sumsOf(folder), whole);
      assert.ok(!(await readdir(folder)).includes('shop.tar.partial'));
    });
  }
  t.diagnostic(
    `${ends.killed} before or after the bundle was written, ${ends.midWrite} while it was, ${ends.done} ended before the kill`,
  );
});

interface Sums {
  readonly bundle: string;
  readonly lock: string;
}

async function sumsOf(folder: string): Promise<Sums> {
  return { bundle: await sha256Of(join(folder, 'shop.tar')), lock: await sha256Of(join(folder, 'bundle.lock.yaml')) };
}

/** Kills a build over a bundle and a lock of yesterday, looks at what is left, and says when it was hit. */
async function killOnce(folder: string, whole: Sums, afterMs: number): Promise<'killed' | 'midWrite' | 'done'> {
  for (const file of ['shop.tar', 'bundle.lock.yaml']) await writeFile(join(folder, file), 'yesterday');
  const { signal } = await runKilled(build, { folder }, afterMs);
  await assertOldOrWhole(join(folder, 'shop.tar'), whole.bundle);
  await assertOldOrWhole(join(folder, 'bundle.lock.yaml'), whole.lock);
  const partial = (await readdir(folder)).includes('shop.tar.partial');
  if (partial) await assertRefusedOrWhole(folder, whole.bundle);
  if (signal === null) return 'done';
  return partial ? 'midWrite' : 'killed';
}

async function assertOldOrWhole(file: string, whole: string): Promise<void> {
  if ((await readFile(file, 'latin1')) !== 'yesterday') assert.equal(await sha256Of(file), whole, `${file} is half-done`);
}

/** A kill between the last byte and the rename leaves a whole bundle under the other name, which is no lie. */
async function assertRefusedOrWhole(folder: string, whole: string): Promise<void> {
  const run = await runCli(['verify', 'shop.tar.partial'], { folder });
  if (run.code === 0) assert.equal(await sha256Of(join(folder, 'shop.tar.partial')), whole);
  else assert.match(run.stderr, /\[BUNDLE_(INVALID|DAMAGED)\]/);
}

/** A registry that gives its blobs so slowly that most of a build is their transfer, and a folder to build from it. */
async function slowWorkshop(t: TestContext): Promise<string> {
  const registry = await registryOf(t, {
    async intercept(request: IncomingMessage, response: ServerResponse) {
      const [, digest = ''] = /^\/v2\/shop\/api\/blobs\/(sha256:\w+)$/.exec(request.url ?? '') ?? [];
      const bytes = request.method === 'GET' ? registry.store.blob('shop/api', digest) : undefined;
      if (bytes === undefined || request.headers.range !== undefined) return false;
      response.writeHead(200, { 'content-length': bytes.length });
      for (let at = 0; at < bytes.length && !response.destroyed; at += 50_000) {
        response.write(bytes.subarray(at, at + 50_000));
        await sleep(60);
      }
      response.end();
      return true;
    },
  });
  await seed(registry, 'shop/api', '1.0', sampleImage({ seed: 'slow', layers }));
  return folderWith(t, { ...chartFiles([`${registry.host}/shop/api:1.0`]), 'bundle.yaml': specYaml(registry.host) });
}
