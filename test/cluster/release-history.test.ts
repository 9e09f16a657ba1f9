import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastDeployed, ownHolder, type Revision } from '../../cluster/release-history.ts';

const revision = (number: number, status: string, more: Partial<Revision> = {}): Revision => ({
  revision: number,
  status,
  secret: `v${number}`,
  ...more,
});

const deployed = revision(1, 'deployed', { holder: 'a' });
const cases = [
  { name: 'our first install', history: [revision(1, 'pending-install', { holder: 'a' })], own: 'a' },
  { name: 'our upgrade', history: [deployed, revision(2, 'pending-upgrade', { holder: 'b' })], own: 'b' },
  {
    name: 'a person’s upgrade, which inherits our labels',
    history: [deployed, revision(2, 'pending-upgrade', { holder: 'a' })],
    own: undefined,
  },
  { name: 'a person’s release', history: [revision(1, 'pending-install')], own: undefined },
  {
    name: 'our rollback of a pending upgrade',
    history: [
      deployed,
      revision(2, 'pending-upgrade', { holder: 'b', recoverer: 'c' }),
      revision(3, 'pending-rollback', { holder: 'a' }),
    ],
    own: 'c',
  },
  { name: 'a person’s rollback', history: [deployed, revision(2, 'pending-rollback', { holder: 'a' })], own: undefined },
];
for (const { name, history, own } of cases) {
  test(`${name} is held by ${own ?? 'nobody we know'}`, () => assert.equal(ownHolder(history), own));
}

test('a rollback goes to the newest revision that once was deployed', () => {
  assert.equal(lastDeployed([revision(1, 'superseded'), revision(2, 'failed')])?.revision, 1);
  assert.equal(lastDeployed([revision(1, 'failed')]), undefined);
});
