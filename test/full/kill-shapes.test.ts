import assert from 'node:assert/strict';
import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertDone, runCli } from '../src/cli.ts';
import { isSample, killInstants } from './series.ts';
import { type SlowWorkshop, slowWorkshop } from './slow-workshop.ts';
import { assertOldOrWhole, keepFiles, restoreFiles, runKilledWriting, writingTime, writtenFiles } from './written-files.ts';

/** A way of writing a bundle other than one file from the registry alone. */
interface Shape {
  readonly name: string;
  readonly args: readonly string[];
  /** Makes what stands there before. */
  readonly before: (workshop: SlowWorkshop) => Promise<void>;
  /** All blobs come from the disk: in so little time a kill is hardly hit. */
  readonly local?: boolean;
}

const first = Array.from({ length: 12 }, (_, index) => 200_000 + index * 10_000);
const more = [...first, ...Array.from({ length: 18 }, (_, index) => 250_000 + index * 5_000)];

const build = (...more: readonly string[]) => ['build', 'bundle.yaml', '-o', 'shop.tar', ...more];
const run = async (folder: string, args: readonly string[]) => assertDone(await runCli(args, { folder }));

/** An earlier bundle stands under the name that is written, and the image has changed since. */
async function rebuilt({ folder, change }: SlowWorkshop, ...shape: readonly string[]): Promise<void> {
  await run(folder, build(...shape));
  await change(more);
}

const shapes: readonly Shape[] = [
  { name: 'over the bundle that gives it most of its blobs', args: build(), before: (workshop) => rebuilt(workshop) },
  {
    name: 'in volumes, over others that give it most of its blobs',
    args: build('--volume-size', '1MB'),
    before: (workshop) => rebuilt(workshop, '--volume-size', '1500kB'),
  },
  {
    name: 'as a delta, over its base',
    args: build('--base', 'bundle.lock.before.yaml'),
    async before(workshop) {
      await rebuilt(workshop);
      await copyFile(join(workshop.folder, 'bundle.lock.yaml'), join(workshop.folder, 'bundle.lock.before.yaml'));
    },
  },
  {
    name: 'by merge, over another bundle',
    args: ['merge', 'base.tar', 'delta.tar', '-o', 'shop.tar'],
    local: true,
    async before({ folder, change }) {
      await run(folder, ['build', 'bundle.yaml', '-o', 'base.tar']);
      await run(folder, build());
      await change(more);
      await run(folder, ['build', 'bundle.yaml', '-o', 'delta.tar', '--base', 'base.tar']);
    },
  },
];

for (const { name, args, before, local = false } of isSample ? shapes.slice(0, 2) : shapes) {
  test(`a bundle that is written ${name} is old or whole after a kill at any instant`, async (t) => {
    const workshop = await slowWorkshop(t, first);
    const { folder, served } = workshop;
    await before(workshop);
    await keepFiles(folder, 'before');
    const old = await writtenFiles(folder);
    served();
    const { run: undisturbed, ms } = await writingTime(args, { folder });
    assertDone(undisturbed);
    const bytes = served();
    const whole = await writtenFiles(folder);
    assert.notDeepEqual(whole, old);
    const ends = { midWrite: 0, saved: 0 };
    for (const afterMs of killInstants(t, ms, { sample: 1, full: 10 })) {
      await restoreFiles(folder, 'before');
      const { signal } = await runKilledWriting(args, { folder }, afterMs);
      const left = (await readdir(folder)).some((file) => file.endsWith('.partial'));
      await assertOldOrWhole(folder, { old, whole });
      served();
      await run(folder, args);
      const fetched = served();
      assert.deepEqual(await writtenFiles(folder), whole, `killed after ${afterMs} ms`);
      assert.deepEqual(
        (await readdir(folder)).filter((file) => /partial/.test(file)),
        [],
      );
      assert.ok(fetched <= bytes);
      if (signal !== null && left) ends.midWrite += 1;
      ends.saved += bytes - fetched;
    }
    assert.ok(isSample || local || ends.saved > 0, 'no kill was followed by a run that fetched less than everything');
    t.diagnostic(
      `${ends.midWrite} killed while it was written; ${ends.saved} bytes were not fetched again, of ${bytes} each time`,
    );
  });
}
