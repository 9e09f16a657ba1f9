import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { assertDone, runCli } from '../src/cli.ts';
import { sha256Of } from '../src/workshop.ts';
import { runKilled } from './series.ts';
import { slowWorkshop } from './slow-workshop.ts';

const run = promisify(execFile);
const layers = Array.from({ length: 12 }, (_, index) => 200_000 + index * 10_000);

/** A disk that cannot leave places unwritten. */
interface ExFat {
  readonly path: string;
  /** Bytes that its program was given to write, or gave as answers, since it was mounted. */
  written(): Promise<number>;
}

test('on exFAT a bundle is written from front to back, every byte once', async (t) => {
  const { folder } = await slowWorkshop(t, layers);
  assertDone(await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder }));
  const disk = await exFat(t);
  const output = join(disk.path, 'shop.tar');
  const before = await disk.written();
  assertDone(await runCli(['build', 'bundle.yaml', '-o', output], { folder }));
  const { size } = await stat(output);
  const ratio = ((await disk.written()) - before) / size;
  t.diagnostic(`${ratio.toFixed(3)} times the bundle was written`);
  // The rest is the probe for holes, the journal and the tables of the file system.
  assert.ok(ratio < 1.06);
  assert.equal(await sha256Of(output), await sha256Of(join(folder, 'shop.tar')));
});

test('on exFAT a build that was killed goes on, in one file and in volumes', async (t) => {
  const { folder, served } = await slowWorkshop(t, layers);
  assertDone(await runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder }));
  const all = served();
  const disk = await exFat(t);
  for (const [name, shape] of [
    ['one', []],
    ['volumes', ['--volume-size', '1MB']],
  ] as const) {
    const output = join(disk.path, `${name}.tar`);
    const build = ['build', 'bundle.yaml', '-o', output, ...shape];
    assert.equal((await runKilled(build, { folder }, 0, speaksOfBlobs(`${output}.partial.journal`))).signal, 'SIGKILL');
    assert.ok((await readdir(disk.path)).includes(`${name}.tar.partial.journal`));
    served();
    assertDone(await runCli(build, { folder }));
    assert.ok(served() < all);
    const files = (await readdir(disk.path)).filter((file) => file.startsWith(name) && /tar(\.\d+)?$/.test(file)).sort();
    const bytes = Buffer.concat(await Promise.all(files.map((file) => readFile(join(disk.path, file)))));
    assert.ok(bytes.equals(await readFile(join(folder, 'shop.tar'))), name);
  }
});

/** Resolves when a journal has spoken of some blobs, and of more after they were durable. */
async function speaksOfBlobs(journal: string): Promise<void> {
  const lines = async () => (await readFile(journal, 'utf8').catch(() => '')).split('"kept"').length;
  for (const until = performance.now() + 60_000; performance.now() < until && (await lines()) < 3; ) await sleep(20);
}

/** An exFAT of its own in a file, through a loop device and Debian's exfat-fuse: the kernel may have none. */
async function exFat(t: TestContext): Promise<ExFat> {
  assert.equal(process.getuid?.(), 0, 'only root can mount; Debian has the programs in exfat-fuse and exfatprogs');
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-disk-'));
  const [image, path] = [join(folder, 'exfat'), join(folder, 'disk')];
  await mkdir(path);
  await writeFile(image, '');
  await truncate(image, 64 << 20);
  await run('mkfs.exfat', [image]);
  const device = (await run('losetup', ['--find', '--show', image])).stdout.trim();
  await run('mount.exfat-fuse', [device, path]);
  const program = await programOf(device);
  t.after(async () => {
    await run('umount', [path]);
    await run('losetup', ['--detach', device]);
    await rm(folder, { recursive: true });
  });
  return {
    path,
    async written() {
      const [, bytes = ''] = /^wchar: (\d+)$/m.exec(await readFile(`/proc/${program}/io`, 'utf8')) ?? [];
      return Number(bytes);
    },
  };
}

/** The process that serves a device. */
async function programOf(device: string): Promise<string> {
  for (const id of await readdir('/proc')) {
    const line = await readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '');
    if (/^\d+$/.test(id) && line.startsWith(`mount.exfat-fuse\0${device}\0`)) return id;
  }
  throw new Error(`no program serves ${device}`);
}
