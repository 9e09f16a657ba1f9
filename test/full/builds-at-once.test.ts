import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertDone, assertFailed, type CliRun, runCli } from '../src/cli.ts';
import { sha256Of } from '../src/workshop.ts';
import { isSample, killInstants, runKilled } from './series.ts';
import { slowWorkshop } from './slow-workshop.ts';

const build = ['build', 'bundle.yaml', '-o', 'shop.tar'];
const before = Array.from({ length: 8 }, (_, index) => 200_000 + index * 10_000);
const layers = Array.from({ length: 12 }, (_, index) => 200_000 + index * 10_000);
const rounds = isSample ? 1 : 8;

test('of builds into one file that begin at once, one of them killed, each ends well or withdraws, and a reader never finds half a bundle', async (t) => {
  const { folder, change } = await slowWorkshop(t, before);
  const output = join(folder, 'shop.tar');
  const wholes: string[] = [];
  for (const next of [before, layers]) {
    await change(next);
    assertDone(await runCli(build, { folder }));
    wholes.push(await sha256Of(output));
  }
  const instants = killInstants(t, 3_000, { sample: 2 * rounds, full: 2 * rounds });
  const ends = { done: 0, withdrawn: 0, read: 0 };
  for (let round = 0; round < rounds; round += 1) {
    await change(round % 2 === 0 ? before : layers);
    const [killAt = 0, lateBy = 0] = instants.slice(2 * round);
    let building = true;
    const runs = Promise.all([
      runCli(build, { folder }),
      runKilled(build, { folder }, killAt),
      sleep(lateBy / 10).then(() => runCli(build, { folder })),
    ]).finally(() => {
      building = false;
    });
    while (building) {
      assertDone(await runCli(['verify', 'shop.tar'], { folder }));
      assert.ok(wholes.includes(await sha256Of(output)));
      ends.read += 1;
    }
    for (const run of await runs) ends[endOf(run)] += 1;
    assertDone(await runCli(build, { folder }));
    assert.equal(await sha256Of(output), wholes[round % 2]);
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.includes('partial')),
      [],
    );
  }
  t.diagnostic(
    `${ends.done} ended well or were killed, ${ends.withdrawn} withdrew; the file was verified ${ends.read} times meanwhile`,
  );
});

function endOf(run: CliRun): 'done' | 'withdrawn' {
  if (run.code === 0 || run.signal === 'SIGKILL') return 'done';
  assertFailed(run, { error: 'FILE_UNWRITABLE', says: [/another process (is writing|replaced) /] });
  return 'withdrawn';
}
