import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Journal, parseJournal } from '../../images/output/journal.ts';
import { assertDone, assertFailed, type CliRun, runCli } from '../src/cli.ts';
import { sha256Of } from '../src/workshop.ts';
import { isSample } from './series.ts';
import { slowWorkshop } from './slow-workshop.ts';
import { type Disk, ext4 } from './small-disk.ts';
import { assertOldOrWhole, keepFiles, writtenFiles } from './written-files.ts';

const run = promisify(execFile);
const build = (disk: Disk, ...shape: readonly string[]): string[] => [
  'build',
  'bundle.yaml',
  '-o',
  join(disk.path, 'shop.tar'),
  ...shape,
];
const layers = Array.from({ length: 20 }, (_, index) => 200_000 + index * 10_000);

/** How much of the layers was given when the power is cut. Bytes, not time: a machine under load is slow. */
const instants = isSample ? [0.4] : [0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];

for (const fraction of instants) {
  test(`a build whose power is cut at ${fraction * 100} % goes on from what its journal speaks of`, async (t) => {
    const { folder, served, bytes } = await slowWorkshop(t, layers);
    assertDone(await runCli(['build', 'bundle.yaml', '-o', 'undisturbed.tar'], { folder }));
    const all = served();
    const disk = await ext4(t);
    const given = counter(served);
    const cut = await runCut(folder, { disk, args: build(disk), when: async () => given() >= bytes * fraction });
    assertFailed(cut, { error: 'FILE_UNWRITABLE', says: ['the disk reports an error'] });
    await disk.remount();
    const noted = await durableBytes(join(disk.path, 'shop.tar.partial'));
    t.diagnostic(`${noted} of ${all} bytes were noted as whole, and were`);
    served();
    assertDone(await runCli(build(disk), { folder }));
    assert.ok(served() <= all - noted);
    assert.equal(await sha256Of(join(disk.path, 'shop.tar')), await sha256Of(join(folder, 'undisturbed.tar')));
  });
}

test('what the journal spoke of before the last time it was written is there after a power cut', async (t) => {
  const { folder, served } = await slowWorkshop(t, [...layers, ...layers]);
  const disk = await ext4(t);
  const partial = join(disk.path, 'shop.tar.partial');
  // A group is noted only once the one before it is durable.
  const groups = [0];
  const when = async () => {
    const noted = await notedBytes(partial);
    if (noted > (groups.at(-1) ?? 0)) groups.push(noted);
    return groups.length > 2;
  };
  const cut = await runCut(folder, { disk, args: build(disk), when });
  assertFailed(cut, { error: 'FILE_UNWRITABLE' });
  await disk.remount();
  const durable = await durableBytes(partial);
  t.diagnostic(`the journal spoke of ${groups.join(', ')} bytes; after the cut of ${durable}`);
  assert.ok(durable >= (groups[1] ?? 0));
  served();
  assertDone(await runCli(build(disk), { folder }));
  assert.ok(durable > 0 && served() > 0);
  assertDone(await runCli(['verify', join(disk.path, 'shop.tar')], { folder }));
});

const shapes: readonly { readonly name: string; readonly shape: readonly string[]; readonly earlier: readonly string[] }[] = [
  { name: 'one file that gives it its blobs', shape: [], earlier: [] },
  { name: 'volumes that give it their blobs', shape: ['--volume-size', '1MB'], earlier: ['--volume-size', '1500kB'] },
];
const moments = ['midway', 'when it gets its name'] as const;

for (const { name, shape, earlier } of isSample ? shapes.slice(1) : shapes) {
  for (const moment of isSample ? moments.slice(1) : moments) {
    test(`a bundle over ${name} is old or whole after a power cut ${moment}`, async (t) => {
      const { folder, served, change } = await slowWorkshop(t, layers.slice(0, 8));
      const disk = await ext4(t);
      assertDone(await runCli(build(disk, ...earlier), { folder }));
      await run('sync');
      await keepFiles(disk.path, 'before');
      const old = await writtenFiles(disk.path);
      await change(layers);
      assertDone(await runCli(['build', 'bundle.yaml', '-o', 'shop.tar', ...shape], { folder }));
      const whole = await writtenFiles(folder);
      const given = counter(served);
      const isNamed = async () => /"publishing"/.test(await journalOf(join(disk.path, 'shop.tar.partial')));
      const when = moment === 'midway' ? async () => given() > 2_000_000 : isNamed;
      const cut = await runCut(folder, { disk, args: build(disk, ...shape), when });
      await disk.remount();
      t.diagnostic(`the build ended with ${cut.code}; there are ${(await readdir(disk.path)).join(', ')}`);
      await assertOldOrWhole(disk.path, { old, whole });
      assertDone(await runCli(build(disk, ...shape), { folder }));
      assert.deepEqual(await writtenFiles(disk.path), whole);
    });
  }
}

for (const volumes of isSample ? [false] : [false, true]) {
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

test('a disk comes back after a power cut although another mount namespace still has it', async (t) => {
  const disk = await ext4(t);
  const holder = spawn('unshare', ['--mount', 'sh', '-c', 'echo held; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  await disk.cutPower();
  await assert.rejects(writeFile(join(disk.path, 'note'), 'lost'), { code: 'EIO' });
  await disk.remount();
  await writeFile(join(disk.path, 'note'), 'kept');
});

interface Cut {
  readonly disk: Disk;
  readonly args: readonly string[];
  readonly when: () => Promise<boolean>;
}

/** Runs a build and cuts the power at a moment, which comes before it has ended. */
async function runCut(folder: string, { disk, args, when }: Cut): Promise<CliRun> {
  let ended = false;
  const running = runCli(args, { folder }).finally(() => {
    ended = true;
  });
  while (!ended && !(await when())) await sleep(5);
  await disk.cutPower();
  return running;
}

/** Bytes that were given from now on. */
function counter(served: () => number): () => number {
  served();
  let sum = 0;
  return () => (sum += served());
}

const journalOf = (partial: string): Promise<string> => readFile(`${partial}.journal`, 'utf8').catch(() => '');

async function notedBytes(partial: string): Promise<number> {
  const blobs =
    parseJournal(await journalOf(partial))
      .sections.at(-1)
      ?.blobs.values() ?? [];
  return [...blobs].reduce((sum, { size, kept }) => sum + (size === kept ? size : 0), 0);
}

/** Bytes of the blobs that the journal says to be whole. Each of them is. */
async function durableBytes(partial: string): Promise<number> {
  const journal: Journal = parseJournal(await journalOf(partial));
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
