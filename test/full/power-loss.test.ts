import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Journal, parseJournal } from '../../images/output/journal.ts';
import { assertDone, assertFailed, type CliRun, runCli } from '../src/cli.ts';
import { sha256Of } from '../src/workshop.ts';
import { isSample } from './series.ts';
import { slowWorkshop } from './slow-workshop.ts';

const run = promisify(execFile);
const build = (disk: Disk): string[] => ['build', 'bundle.yaml', '-o', join(disk.path, 'shop.tar')];
const layers = Array.from({ length: 20 }, (_, index) => 200_000 + index * 10_000);

/** Milliseconds after the first byte of a layer. */
const instants = isSample ? [2400] : [100, 500, 900, 1200, 1500, 1800, 2100, 2400, 2700, 3000];

/** A disk whose power can be cut: what was not synced is lost, as on a real one. */
interface Disk {
  readonly path: string;
  /** Every write from now on fails, and what only memory had is gone. */
  cutPower(): Promise<void>;
  /** Switches it on again. */
  remount(): Promise<void>;
}

for (const afterMs of instants) {
  test(`a build whose power is cut after ${afterMs} ms goes on from what its journal speaks of`, async (t) => {
    const { folder, served } = await slowWorkshop(t, layers);
    assertDone(await runCli(['build', 'bundle.yaml', '-o', 'undisturbed.tar'], { folder }));
    const all = served();
    const disk = await ext4(t);
    const cut = await runCut(folder, disk, served, afterMs);
    assertFailed(cut, { error: 'FILE_UNWRITABLE', says: ['the disk reports an error'] });
    await disk.remount();
    const noted = await durableBytes(join(disk.path, 'shop.tar.partial'));
    t.diagnostic(`${noted} of ${all} bytes were noted as whole, and were`);
    // Whatever was whole a second ago has been noted since.
    if (afterMs >= 2400) assert.ok(noted > 0);
    served();
    assertDone(await runCli(build(disk), { folder }));
    assert.ok(served() <= all - noted);
    assert.equal(await sha256Of(join(disk.path, 'shop.tar')), await sha256Of(join(folder, 'undisturbed.tar')));
  });
}

for (const volumes of [false, true]) {
  test(`a bundle ${volumes ? 'in volumes ' : ''}is whole when the power is cut right after its build`, async (t) => {
    const { folder } = await slowWorkshop(t, [700_000, 600_000]);
    assertDone(await runCli(['build', 'bundle.yaml', '-o', 'undisturbed.tar'], { folder }));
    const disk = await ext4(t);
    const spec = (await readFile(join(folder, 'bundle.yaml'), 'utf8')).replace('path: chart', `path: ${join(folder, 'chart')}`);
    await writeFile(join(disk.path, 'bundle.yaml'), spec);
    await run('sync');
    const output = join(disk.path, 'shop.tar');
    const shape = volumes ? ['--volume-size', '1MB'] : [];
    assertDone(await runCli(['build', join(disk.path, 'bundle.yaml'), '-o', output, ...shape], { folder }));
    await disk.cutPower();
    await disk.remount();
    assertDone(await runCli(['verify', volumes ? `${output}.parts.json` : output], { folder }));
    const files = volumes ? [`${output}.001`, `${output}.002`] : [output];
    const bytes = Buffer.concat(await Promise.all(files.map((file) => readFile(file))));
    assert.equal(createHash('sha256').update(bytes).digest('hex'), await sha256Of(join(folder, 'undisturbed.tar')));
    const lock = (file: string) => readFile(file, 'utf8');
    assert.equal(await lock(join(disk.path, 'bundle.lock.yaml')), await lock(join(folder, 'bundle.lock.yaml')));
  });
}

/** Runs the build and cuts the power so long after its first bytes. */
async function runCut(folder: string, disk: Disk, served: () => number, afterMs: number): Promise<CliRun> {
  served();
  const running = runCli(build(disk), { folder });
  // The config is fetched while the images are planned.
  for (let bytes = 0; bytes < 50_000; bytes += served()) await sleep(10);
  await sleep(afterMs);
  await disk.cutPower();
  return running;
}

/** Bytes of the blobs that the journal says to be whole. Each of them is. */
async function durableBytes(partial: string): Promise<number> {
  const journal: Journal = parseJournal(await readFile(`${partial}.journal`, 'utf8').catch(() => ''));
  const blobs = [...(journal.sections.at(-1)?.blobs.values() ?? [])].filter(({ size, kept }) => size === kept);
  if (blobs.length === 0) return 0;
  const handle = await open(partial);
  try {
    for (const { blob, at, size } of blobs) {
      const { buffer } = await handle.read(Buffer.alloc(size), 0, size, at);
      assert.equal(
        `sha256:${createHash('sha256').update(buffer).digest('hex')}`,
        blob,
        'the journal speaks of bytes that were lost',
      );
    }
  } finally {
    await handle.close();
  }
  return blobs.reduce((sum, { size }) => sum + size, 0);
}

/** An ext4 of its own in a file, through a loop device. It does not sync by itself what a program forgot, as it would after a rename. */
async function ext4(t: TestContext): Promise<Disk> {
  assert.equal(process.getuid?.(), 0, 'only root can mount');
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-disk-'));
  const [image, path] = [join(folder, 'ext4'), join(folder, 'disk')];
  await mkdir(path);
  await writeFile(image, '');
  await truncate(image, 64 << 20);
  await run('mkfs.ext4', ['-q', image]);
  const mount = () => run('mount', ['-o', 'loop,noauto_da_alloc', image, path]);
  await mount();
  t.after(async () => {
    await run('umount', [path]);
    await rm(folder, { recursive: true });
  });
  return {
    path,
    cutPower: () => shutDown(path),
    async remount() {
      await run('umount', [path]);
      await mount();
    },
  };
}

/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: not even the journal of the file system is written. Node has no ioctl. */
async function shutDown(path: string): Promise<void> {
  const script = 'open(my $d, "<", $ARGV[0]) or die $!; my $flags = pack("L", 2); ioctl($d, 0x8004587d, $flags) or die $!;';
  await run('perl', ['-e', script, path]);
}
