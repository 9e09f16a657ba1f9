import assert from 'node:assert/strict';
import { readFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { journalLine, parseJournal } from '../../images/output/journal.ts';
import { openJournal } from '../../images/output/journal-file.ts';
import { tempDir } from './sample-bundle.ts';

const blob = `sha256:${'a'.repeat(64)}` as const;
const section = { layout: blob, size: 10_000, volume: null, holes: true };
const owner = { pid: 7, host: 'here', started: '1', token: 't' };
const begin = journalLine({ section });
const kept = { blob, size: 500, at: 1024, kept: 200 };

test('the last line of a blob is what holds, and each section has its own', () => {
  const text =
    begin + journalLine(kept) + journalLine({ ...kept, kept: 500 }) + journalLine({ aside: true }) + begin + journalLine(kept);
  const { sections } = parseJournal(text);
  assert.deepEqual(
    sections.map(({ aside, blobs }) => [aside, blobs.get(blob)?.kept]),
    [
      [true, 500],
      [false, 200],
    ],
  );
});

test('an owner that said that it ended is none', () => {
  const other = { ...owner, token: 'u' };
  const text = journalLine({ owner }) + journalLine({ owner: other }) + journalLine({ released: 't' });
  assert.deepEqual(parseJournal(text).owners, [other]);
});

const strange: readonly (readonly [string, string])[] = [
  ['a torn line', '{"blob":"sha256:aaaa'],
  ['a line that is no object', '7'],
  ['more of a blob than it has', JSON.stringify({ ...kept, kept: 501 })],
  ['a blob beyond the end', JSON.stringify({ ...kept, at: 9_600 })],
  ['a blob before the beginning', JSON.stringify({ ...kept, at: -1 })],
  ['numbers that are none', JSON.stringify({ ...kept, at: 1.5 })],
  ['a digest that leads elsewhere', JSON.stringify({ ...kept, blob: '../../etc/passwd' })],
  ['an unknown field', JSON.stringify({ ...kept, path: '/etc/passwd' })],
  ['a section of endless volumes', JSON.stringify({ section: { ...section, volume: 1 } })],
  ['a section without a size', JSON.stringify({ section: { ...section, size: 0 } })],
  ['an owner that is a group of processes', JSON.stringify({ owner: { ...owner, pid: -1 } })],
];
for (const [name, line] of strange) {
  test(`${name} is left out, what stands around it holds`, () => {
    const { sections, owners } = parseJournal(`${begin}${line}\n${journalLine({ owner })}`);
    assert.deepEqual([sections.length, sections[0]?.blobs.size, owners.length], [1, 0, 1]);
  });
}

test('a blob of no section is nowhere', () => {
  assert.deepEqual(parseJournal(journalLine(kept)), { owners: [], sections: [] });
});

test('a journal that is open is touched again and again, so that other hosts see that its writer lives', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const path = join(await tempDir(t), 'journal');
  const journal = await openJournal(path, 'shop.tar');
  await utimes(path, new Date(0), new Date(0));
  t.mock.timers.tick(20_000);
  for (let tries = 0; (await stat(path)).mtimeMs === 0 && tries < 100; tries += 1) await sleep(10);
  assert.ok((await stat(path)).mtimeMs > 0);
  await journal.close();
});

test('of many that open a journal at once one holds it, and it is free when that one closes it', async (t) => {
  const path = join(await tempDir(t), 'journal');
  const results = await Promise.allSettled(Array.from({ length: 8 }, () => openJournal(path, 'shop.tar')));
  const held = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
  assert.equal(held.length, 1);
  await held[0]?.close();
  await (await openJournal(path, 'shop.tar')).remove();
  await assert.rejects(readFile(path), { code: 'ENOENT' });
});
