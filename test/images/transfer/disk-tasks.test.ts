import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { digestOf } from '../../../images/digest.ts';
import type { Extent } from '../../../images/extent.ts';
import { openTransfers, type Transfers } from '../../../images/transfer/transfers.ts';
import { noise } from '../../registries/sample-images.ts';
import { tempDir } from '../sample-bundle.ts';

const bytes = noise('on disk', 3_000_001);

function transfersOf(t: TestContext, options: Parameters<typeof openTransfers>[0] = {}): Transfers {
  const transfers = openTransfers(options);
  t.after(() => transfers.close());
  return transfers;
}

async function fileOf(t: TestContext, content: Buffer): Promise<{ readonly fd: number; readonly path: string }> {
  const path = join(await tempDir(t), 'file');
  const handle = await open(path, 'w+');
  t.after(() => handle.close());
  await handle.write(content);
  return { fd: handle.fd, path };
}

test('bytes of several files are hashed as one', async (t) => {
  const [one, two] = [await fileOf(t, bytes.subarray(0, 1_000_000)), await fileOf(t, bytes.subarray(1_000_000))];
  const extents: Extent[] = [
    { fd: one.fd, position: 17, size: 1_000_000 - 17 },
    { fd: two.fd, position: 0, size: 0 },
    { fd: two.fd, position: 0, size: 2_000_000 },
  ];
  let told = 0;
  const onBytes = (count: number): void => {
    told += count;
  };
  const digest = await transfersOf(t).hash(extents, { signal: t.signal, onBytes });
  assert.equal(digest, digestOf(bytes.subarray(17, 3_000_000)));
  assert.equal(told, 2_999_983);
});

test('nothing has the digest of nothing', async (t) => {
  assert.equal(await transfersOf(t).hash([], { signal: t.signal }), digestOf(Buffer.alloc(0)));
});

test('bytes are copied to two places, one of them in two files, and their digest is told', async (t) => {
  const { fd } = await fileOf(t, bytes);
  const [one, two] = [await fileOf(t, Buffer.alloc(10)), await fileOf(t, Buffer.alloc(0))];
  const size = 2_000_000;
  const places = [
    [
      { fd: one.fd, position: 5, size: 700_000 },
      { fd: two.fd, position: 3, size: size - 700_000 },
    ],
    [{ fd: two.fd, position: 5_000_000, size }],
  ];
  const digest = await transfersOf(t).copy([{ fd, position: 1, size }], places, { signal: t.signal });
  const wanted = bytes.subarray(1, 1 + size);
  assert.equal(digest, digestOf(wanted));
  const [first, second] = [await readFile(one.path), await readFile(two.path)];
  assert.ok(Buffer.concat([first.subarray(5), second.subarray(3, 3 + size - 700_000)]).equals(wanted));
  assert.ok(second.subarray(5_000_000).equals(wanted));
});

test('a file that ends early is BUNDLE_INVALID and says where', async (t) => {
  const { fd } = await fileOf(t, bytes);
  const hashing = transfersOf(t).hash([{ fd, position: 10, size: bytes.length }], { signal: t.signal });
  await assert.rejects(hashing, { code: 'BUNDLE_INVALID', message: /ends at byte 3000001,/ });
});

test('what a disk says keeps its code', async (t) => {
  const { fd } = await fileOf(t, bytes);
  const full = await open('/dev/full', 'w');
  t.after(() => full.close());
  const extent = { fd, position: 0, size: 1000 };
  const copying = transfersOf(t).copy([extent], [[{ ...extent, fd: full.fd }]], { signal: t.signal });
  await assert.rejects(copying, { code: 'ENOSPC', syscall: 'write' });
});

test('an abort ends a task with its reason, and the thread goes on with others', async (t) => {
  const endless = await open('/dev/zero');
  t.after(() => endless.close());
  const transfers = transfersOf(t, { threads: 1 });
  const controller = new AbortController();
  const hashing = transfers.hash([{ fd: endless.fd, position: 0, size: 1e15 }], { signal: controller.signal });
  const { fd } = await fileOf(t, bytes);
  const extents = [{ fd, position: 0, size: bytes.length }];
  assert.equal(await transfers.hash(extents, { signal: t.signal }), digestOf(bytes), 'side by side with the other');
  const reason = new Error('enough');
  controller.abort(reason);
  await assert.rejects(hashing, reason);
  assert.equal(await transfers.hash(extents, { signal: t.signal }), digestOf(bytes));
});

test('to close the threads is an error for what they do, and no hang', async (t) => {
  const endless = await open('/dev/zero');
  t.after(() => endless.close());
  const transfers = transfersOf(t);
  const hashing = transfers.hash([{ fd: endless.fd, position: 0, size: 1e15 }], { signal: t.signal });
  const failed = assert.rejects(hashing, /a transfer thread ended/);
  await sleep(50);
  await transfers.close();
  await failed;
});

test('threads keep no process alive', async () => {
  const module = join(import.meta.dirname, '../../../images/transfer/transfers.ts');
  const code = `
    import { openSync } from 'node:fs';
    import { openTransfers } from ${JSON.stringify(module)};
    const extent = { fd: openSync(${JSON.stringify(import.meta.filename)}), position: 0, size: 10 };
    console.log(await openTransfers().hash([extent], { signal: new AbortController().signal }));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], { timeout: 20_000 });
  assert.equal(stdout.trim(), digestOf((await readFile(import.meta.filename)).subarray(0, 10)));
});
