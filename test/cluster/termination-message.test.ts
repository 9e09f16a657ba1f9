import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cutBytes, formatTerminationMessage, messageLimit, writeTerminationMessage } from '../../cluster/termination-message.ts';
import { sampleReport } from './sample-report.ts';

test('a message has its sections in the order of importance, the verdict first', () => {
  assert.equal(
    formatTerminationMessage(sampleReport()),
    `FAILED web@shop rev 3 phase=hook:pre-upgrade after 63s: hook Job/migrate failed [HOOK_FAILED]
why: container migrate ended with exit code 3
where: Job shop/migrate
log migrate-x/migrate:
  connecting
  password rejected
fix: mend the password
helm: Error: UPGRADE FAILED
state: web is failed at revision 3
next: run the Job again`,
  );
});

const verdicts = [
  {
    name: 'success',
    report: sampleReport({ outcome: 'ok', summary: '1 release deployed' }),
    line: 'OK shop 1.4.0: 1 release deployed in 63s',
  },
  {
    name: 'a killed pod',
    report: (() => {
      const {
        release: _,
        code: __,
        ...rest
      } = sampleReport({ outcome: 'died', phase: 'push', summary: 'the installer was killed' });
      return rest;
    })(),
    line: 'DIED shop 1.4.0 phase=push: the installer was killed',
  },
  {
    name: 'a summary of several lines',
    report: sampleReport({ summary: 'one\n  two' }),
    line: 'FAILED web@shop rev 3 phase=hook:pre-upgrade after 63s: one [HOOK_FAILED]',
  },
];
for (const { name, report, line } of verdicts) {
  test(`the first line of ${name} is its verdict`, () => {
    assert.equal(formatTerminationMessage(report).split('\n')[0], line);
  });
}

test('a container that said nothing is told to have said nothing', () => {
  const text = formatTerminationMessage(sampleReport({ logs: [{ pod: 'a', container: 'b', lines: [] }] }));
  assert.match(text, /^log a\/b: no output$/m);
});

const many = (word: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${word} ${index} ${'ü'.repeat(30)}`);
const long = sampleReport({
  why: many('why', 100),
  where: many('where', 100),
  fix: many('fix', 100),
  helm: many('helm', 100),
  logs: [{ pod: 'p', container: 'c', lines: many('log', 100) }],
  summary: `the verdict ${'ß'.repeat(3000)}`,
});

for (const limit of [messageLimit, 1_000, 300, 120, 40]) {
  test(`everything at once fits into ${limit} bytes, cut between characters`, () => {
    const text = formatTerminationMessage(long, limit);
    assert.ok(Buffer.byteLength(text) <= limit, `${Buffer.byteLength(text)} bytes`);
    assert.ok(!text.includes('\u{fffd}'));
    assert.ok(text.startsWith('FAILED'.slice(0, limit)));
  });
}

test('when bytes are short, why, fix and state stay, logs keep their end, and helm goes first', () => {
  const text = formatTerminationMessage(
    sampleReport({ why: many('why', 100), fix: many('fix', 100), helm: many('helm', 100), logs: long.logs }),
  );
  assert.match(text, /^why: why 0/m);
  assert.match(text, /^fix: fix 0/m);
  assert.match(text, /^state: web is failed/m);
  assert.match(text, /log 99/);
  assert.doesNotMatch(text, /log 0 /);
  assert.doesNotMatch(text, /helm 99/);
});

const cuts = [
  { text: 'plain', limit: 5, cut: 'plain' },
  { text: 'plain text', limit: 8, cut: 'plain…' },
  { text: 'üüüü', limit: 6, cut: 'ü…' },
  { text: 'üüüü', limit: 7, cut: 'üü…' },
  { text: '🙂🙂', limit: 6, cut: '…' },
  { text: '🙂🙂', limit: 7, cut: '🙂…' },
  { text: 'anything', limit: 2, cut: '' },
];
for (const { text, limit, cut } of cuts) {
  test(`${text} in ${limit} bytes is ${JSON.stringify(cut)}`, () => assert.equal(cutBytes(text, limit), cut));
}

test('the file is rewritten in place, a shorter text leaving nothing of a longer one', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'termination-log');
  await writeFile(file, '');
  const { ino } = await stat(file);
  await writeTerminationMessage(file, 'a long text with ümlauts');
  await writeTerminationMessage(file, 'short');
  assert.equal(await readFile(file, 'utf8'), 'short');
  assert.equal((await stat(file)).ino, ino);
});
