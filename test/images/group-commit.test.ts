import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GroupCommit } from '../../images/output/group-commit.ts';
import type { Kept } from '../../images/output/journal.ts';

const digit = (character: string): Kept['blob'] => `sha256:${character.repeat(64)}`;
const line = (character: string, kept: number, size = kept): Kept => ({ blob: digit(character), size, at: 0, kept });
const fail = (error: unknown) => assert.fail(String(error));

test('blobs that come within a second are noted together', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const notes: (readonly Kept[])[] = [];
  const commit = new GroupCommit(async (lines) => void notes.push(lines), fail);
  for (const character of ['a', 'b', 'c']) commit.take(line(character, 1000));
  assert.equal(commit.durable, 0);
  t.mock.timers.tick(1000);
  await commit.stop();
  assert.deepEqual(notes, [[line('a', 1000), line('b', 1000), line('c', 1000)]]);
  assert.equal(commit.durable, 3000);
});

test('256 MiB are noted without waiting for the second', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const notes: (readonly Kept[])[] = [];
  const commit = new GroupCommit(async (lines) => void notes.push(lines), fail);
  commit.take(line('a', 200 << 20, 900 << 20));
  commit.take(line('a', 260 << 20, 900 << 20));
  await commit.stop();
  assert.deepEqual(notes, [[line('a', 260 << 20, 900 << 20)]]);
});

test('a blob under way is noted in steps, and to the byte at the end', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const kept: number[] = [];
  const commit = new GroupCommit(async (lines) => void kept.push(...lines.map((noted) => noted.kept)), fail);
  for (const megabytes of [1, 9, 10, 18]) {
    commit.take(line('a', megabytes << 20, 100 << 20));
    t.mock.timers.tick(1000);
    await commit.stop();
  }
  commit.take(line('a', (18 << 20) + 1, 100 << 20));
  await commit.flush();
  assert.deepEqual(kept, [9 << 20, 18 << 20, (18 << 20) + 1]);
});

test('what is written while the disk syncs is not noted with it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const notes: (readonly Kept[])[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const commit = new GroupCommit(async (lines) => {
    notes.push(lines);
    await promise;
  }, fail);
  commit.take(line('a', 10));
  t.mock.timers.tick(1000);
  await Promise.resolve();
  commit.take(line('b', 10));
  resolve();
  await commit.stop();
  assert.deepEqual(notes, [[line('a', 10)]]);
  await commit.flush();
  assert.deepEqual(notes, [[line('a', 10)], [line('b', 10)]]);
});

test('a disk that fails in the background is told, and what was to be noted is not durable', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const failures: unknown[] = [];
  const commit = new GroupCommit(
    () => Promise.reject(new Error('EIO')),
    (error) => failures.push(error),
  );
  commit.take(line('a', 10));
  t.mock.timers.tick(1000);
  await commit.stop();
  assert.match(String(failures[0]), /EIO/);
  assert.equal(commit.durable, 0);
  await assert.rejects(commit.flush(), /EIO/);
});
