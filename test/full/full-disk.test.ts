import assert from 'node:assert/strict';
import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertDone, assertFailed, runCli } from '../src/cli.ts';
import { isSample } from './series.ts';
import { slowWorkshop } from './slow-workshop.ts';
import { ext4 } from './small-disk.ts';
import { writtenFiles } from './written-files.ts';

const before = Array.from({ length: 8 }, (_, index) => 200_000 + index * 10_000);
const layers = Array.from({ length: 20 }, (_, index) => 200_000 + index * 10_000);

const shapes = [
  { name: 'one file', shape: [] },
  { name: 'volumes', shape: ['--volume-size', '1MB'] },
];

for (const { name, shape } of isSample ? shapes.slice(1) : shapes) {
  test(`a disk that fills up while ${name} is written: the earlier bundle stays, it is said what is kept, and with room it goes on`, async (t) => {
    const { folder, served, change } = await slowWorkshop(t, before);
    const disk = await ext4(t, 24 << 20);
    const build = ['build', 'bundle.yaml', '-o', join(disk.path, 'shop.tar'), ...shape];
    assertDone(await runCli(build, { folder }));
    const old = await writtenFiles(disk.path);
    await change(layers);
    served();
    assertDone(await runCli(['build', 'bundle.yaml', '-o', 'shop.tar', ...shape], { folder }));
    const [all, whole] = [served(), await writtenFiles(folder)];
    const filler = join(disk.path, 'filler');
    const running = runCli(build, { folder });
    for (let seen = 0; seen < 3_000_000; seen += served()) await sleep(10);
    await fill(filler);
    const full = await running;
    assertFailed(full, {
      error: 'DISK_FULL',
      says: [
        /shop\.tar takes \d+ bytes, of which \d+ are there, and \d+ are free in/,
        'make room, then run the same command again: it continues',
        'run the same build again to continue',
      ],
    });
    t.diagnostic(full.stderr);
    assert.deepEqual(await writtenFiles(disk.path), old);
    assertFailed(await runCli(build, { folder }), { error: 'DISK_FULL' });
    await rm(filler);
    served();
    assertDone(await runCli(build, { folder }));
    const fetched = served();
    t.diagnostic(`${fetched} of ${all} bytes were fetched again`);
    assert.ok(fetched < all);
    assert.deepEqual(await writtenFiles(disk.path), whole);
    assert.deepEqual(
      (await readdir(disk.path)).filter((file) => file.includes('partial')),
      [],
    );
  });
}

/** Writes until nothing fits. */
async function fill(path: string): Promise<void> {
  const handle = await open(path, 'w');
  try {
    for (const size of [1 << 20, 4096]) {
      const block = Buffer.alloc(size, 'x');
      await (async () => {
        for (;;) await handle.appendFile(block);
      })().catch((error: unknown) => assert.match(String(error), /ENOSPC/));
    }
  } finally {
    await handle.close();
  }
}
