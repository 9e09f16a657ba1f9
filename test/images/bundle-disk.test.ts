import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { writeBundle } from '../../images/output/bundle-writer.ts';
import { checkWritable } from '../../images/output/output-disk.ts';
import { memorySources, planShop, shopSamples, tempDir } from './sample-bundle.ts';

const run = promisify(execFile);
const script = join(import.meta.dirname, 'write-shop.ts');

async function write(output: string, signal: AbortSignal): Promise<unknown> {
  const samples = await shopSamples();
  return writeBundle(planShop(samples), output, { sources: memorySources(samples), signal });
}

test('an output whose directory does not exist is refused', async (t) => {
  const output = join(await tempDir(t), 'absent', 'shop.tar');
  await assert.rejects(write(output, t.signal), { code: 'FILE_UNWRITABLE', message: /its directory does not exist/ });
});

test('an output that is a directory is refused', async (t) => {
  const output = join(await tempDir(t), 'shop.tar');
  await mkdir(output);
  await assert.rejects(write(output, t.signal), { code: 'FILE_UNWRITABLE', message: /is a directory/ });
});

test('an output where nobody may write is refused', async (t) => {
  // Root may write nearly everywhere, but not there.
  await assert.rejects(write('/sys/shop.tar', t.signal), { code: 'FILE_UNWRITABLE' });
});

test('what a run that was killed while it tried the disk left is no obstacle, and goes', async (t) => {
  const directory = await tempDir(t);
  await writeFile(join(directory, 'shop.tar.probe.partial'), '');
  await checkWritable(join(directory, 'shop.tar'));
  assert.deepEqual(await readdir(directory), []);
});

test('two builds into one file exclude each other, and what a killed one left is taken up', async (t) => {
  const directory = await tempDir(t);
  const output = join(directory, 'shop.tar');
  const child = spawn(process.execPath, [script, output, 'slow'], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await untilSaid(child.stdout, 'under way');
  await assert.rejects(write(output, t.signal), {
    code: 'FILE_UNWRITABLE',
    message: new RegExp(`process ${child.pid} on ${hostname()}`),
  });
  await kill(child);
  assert.deepEqual(await readdir(directory), ['shop.tar.partial', 'shop.tar.partial.journal']);
  await assert.rejects(openBundle(`${output}.partial`, { signal: t.signal }), { code: 'BUNDLE_INVALID' });
  await write(output, t.signal);
  assert.deepEqual(await readdir(directory), ['shop.tar']);
});

test('two writers of one process exclude each other too', async (t) => {
  const output = join(await tempDir(t), 'shop.tar');
  const results = await Promise.allSettled([write(output, t.signal), write(output, t.signal)]);
  assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  await write(output, t.signal);
});

test('a partial file of another host is left alone while its journal is fresh, and taken up when it is not', async (t) => {
  const directory = await tempDir(t);
  const output = join(directory, 'shop.tar');
  const owner = { pid: 1, host: 'elsewhere', started: '1', token: 'theirs' };
  const journal = `${output}.partial.journal`;
  await writeFile(journal, `${JSON.stringify({ owner })}\n`);
  await writeFile(`${output}.partial`, 'theirs');
  await assert.rejects(write(output, t.signal), { code: 'FILE_UNWRITABLE', message: /process 1 on elsewhere/ });
  assert.equal(await readFile(`${output}.partial`, 'utf8'), 'theirs');
  await utimes(journal, new Date(), new Date(Date.now() - 600_000));
  await write(output, t.signal);
  assert.deepEqual(await readdir(directory), ['shop.tar']);
});

test('a disk that is too small is refused before the first byte, with figures', async (t) => {
  const { stdout, stderr } = await onSmallDisk(t.signal, '1m', `"$0" "${script}" /mnt/shop.tar; ls /mnt`);
  assert.equal(stderr, '');
  assert.match(stdout, /"code":"DISK_FULL","message":"\/mnt\/shop.tar takes \d{7} bytes, and \d+ are free in \/mnt"/);
  assert.doesNotMatch(stdout, /fetching|partial/);
});

test('a disk that fills up midway ends the build with figures, and once there is room the next one continues', async (t) => {
  const line = `"$0" "${script}" /mnt/shop.tar fill /mnt/filler; ls /mnt; rm /mnt/filler; "$0" "${script}" /mnt/shop.tar; ls /mnt`;
  const { stdout, stderr } = await onSmallDisk(t.signal, '4m', line);
  assert.equal(stderr, '');
  assert.match(stdout, /the disk is full/);
  assert.match(
    stdout,
    /"code":"DISK_FULL","message":"[^"]* takes \d{7} bytes, of which \d{7} are there, and 0 are free in \/mnt"/,
  );
  assert.match(stdout, /"hint":"make room, then run the same command again: it continues"/);
  assert.match(stdout, /^shop.tar.partial$/m);
  assert.match(stdout, /^resumed$/m);
  assert.match(stdout, /\nshop\.tar\n$/);
});

test('what an earlier run left counts when the free space is checked, and is told when it is not enough', async (t) => {
  const cut = `"$0" "${script}" /mnt/shop.tar fill /mnt/filler`;
  const enough = await onSmallDisk(
    t.signal,
    '4m',
    `${cut}; truncate -s -700K /mnt/filler; "$0" "${script}" /mnt/shop.tar; ls /mnt`,
  );
  assert.match(enough.stdout, /\nshop\.tar\n$/);
  const short = await onSmallDisk(
    t.signal,
    '4m',
    `${cut}; truncate -s -100K /mnt/filler; "$0" "${script}" /mnt/shop.tar; ls /mnt`,
  );
  assert.match(short.stdout, /takes \d{7} bytes, of which \d{7} are there, and \d{5,6} are free in \/mnt"/);
  assert.match(short.stdout, /^shop\.tar\.partial$/m);
});

test('what is left of another bundle makes way where there is no room for both', async (t) => {
  const cut = `"$0" "${script}" /mnt/shop.tar fill /mnt/filler; rm /mnt/filler`;
  const { stdout } = await onSmallDisk(t.signal, '4m', `${cut}; "$0" "${script}" /mnt/shop.tar other; ls /mnt`);
  assert.match(stdout, /fetching\nshop\.tar\n$/);
});

test('a limit on the size of files is named', async (t) => {
  const directory = await tempDir(t);
  const { stdout } = await run('sh', ['-c', `ulimit -f 1024; "$0" "${script}" ${directory}/shop.tar; true`, process.execPath]);
  assert.match(stdout, /"code":"FILE_UNWRITABLE","message":"[^"]*FAT32 ends at 4 GiB[^"]*","hint":"--volume-size fat32 /);
  assert.deepEqual(await readdir(directory), []);
});

/** Runs a shell line with a tmpfs of `size` on /mnt, in a mount namespace of its own; `$0` is node. */
async function onSmallDisk(signal: AbortSignal, size: string, line: string) {
  const mount = ['--user', '--map-root-user', '--mount', 'sh', '-ec'];
  const allowed = spawnSync('unshare', [...mount, 'mount -t tmpfs none /mnt']).status === 0;
  assert.ok(allowed, 'needs unshare (util-linux) and user namespaces: sysctl kernel.unprivileged_userns_clone=1, or run as root');
  return run('unshare', [...mount, `mount -t tmpfs -o size=${size} none /mnt; set +e; ${line}`, process.execPath], { signal });
}

async function untilSaid(output: AsyncIterable<Buffer>, text: string): Promise<void> {
  for await (const chunk of output) if (chunk.toString().includes(text)) return;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
