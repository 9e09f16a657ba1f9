import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseJournal } from '../../images/output/journal.ts';
import { assertDone, runCli } from '../src/cli.ts';
import { sha256Of } from '../src/workshop.ts';
import { isSample, killInstants, runKilled } from './series.ts';
import { slowWorkshop } from './slow-workshop.ts';

const build = ['build', 'bundle.yaml', '-o', 'shop.tar'];
const layers = Array.from({ length: 20 }, (_, index) => 200_000 + index * 10_000);

test('a build that is killed at any instant leaves nothing that looks whole, and the next one goes on from there', async (t) => {
  const { folder, served } = await slowWorkshop(t, layers);
  assertDone(await runCli(build, { folder }));
  const whole = await sumsOf(folder);
  const bytes = served();
  // Only the first run has to look into the charts: the second one is as long as those that are killed.
  await rm(join(folder, 'shop.tar'));
  const startedAt = performance.now();
  assertDone(await runCli(build, { folder }));
  const durationMs = performance.now() - startedAt;
  const ends = { killed: 0, midWrite: 0, done: 0 };
  const saved: number[] = [];
  for (const [index, afterMs] of killInstants(t, durationMs).entries()) {
    await t.test(`kill ${index + 1} after ${afterMs} ms`, async () => {
      const end = await killOnce(folder, whole, afterMs);
      ends[end] += 1;
      const noted = await notedBytes(folder);
      served();
      assertDone(await runCli(build, { folder }));
      const fetched = served();
      assert.ok(fetched <= bytes - noted, `${fetched} bytes of ${bytes} were fetched, and ${noted} were there`);
      if (end === 'midWrite') saved.push(bytes - fetched);
      assert.deepEqual(await sumsOf(folder), whole);
      assert.ok(!(await readdir(folder)).some((name) => name.includes('partial')));
    });
  }
  const kept = saved.reduce((sum, saving) => sum + saving, 0) / Math.max(1, saved.length);
  assert.ok(isSample || kept > 0, 'no kill was followed by a run that fetched less than everything');
  t.diagnostic(`the next run fetched ${((kept / bytes) * 100).toFixed(0)} % less than everything, on average`);
  t.diagnostic(
    `${ends.killed} before or after the bundle was written, ${ends.midWrite} while it was, ${ends.done} ended before the kill`,
  );
});

test('a large blob that was cut by a kill is continued by Range', async (t) => {
  const { folder, served, bytes, continuedAt } = await slowWorkshop(t, [40_000_000], 1_000_000);
  const running = { kill: () => false as boolean };
  const killed = runCli(build, {
    folder,
    onStart: (child) => {
      running.kill = () => child.kill('SIGKILL');
    },
  });
  for (let seen = 0; seen < 30_000_000; seen += served()) await sleep(10);
  running.kill();
  assert.equal((await killed).signal, 'SIGKILL');
  served();
  assertDone(await runCli(build, { folder }));
  assert.equal(continuedAt.length, 1);
  assert.ok(served() < bytes - 8_000_000);
  assertDone(await runCli(['verify', 'shop.tar'], { folder }));
  t.diagnostic(`continued at ${continuedAt[0]} of ${bytes}`);
});

/** What the journal says to be whole. */
async function notedBytes(folder: string): Promise<number> {
  const text = await readFile(join(folder, 'shop.tar.partial.journal'), 'utf8').catch(() => '');
  const blobs = parseJournal(text).sections.at(-1)?.blobs.values() ?? [];
  return [...blobs].reduce((sum, { size, kept }) => sum + (kept === size ? size : 0), 0);
}

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
