import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { upgradeArguments } from '../../job/helm-upgrade.ts';

const release = {
  helm: {
    name: 'web',
    namespace: 'shop',
    chart: '/tmp/web.tgz',
    values: [
      { name: 'values.yaml', text: 'a: 1\n' },
      { name: 'site', text: 'a: 2\n' },
    ],
  },
  overrides: { image: { repository: 'registry.internal/web' } },
};

test('values go to helm as files of this user only, the rewrite last', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const options = { folder, timeoutSeconds: 90, holder: 'pod-1', bundle: 'shop', signal: t.signal };
  const { args, fileNames } = await upgradeArguments({ major: 4 }, release, options);
  const files = args.filter((arg) => arg.startsWith('--values=')).map((arg) => arg.slice('--values='.length));
  assert.deepEqual(await Promise.all(files.map((file) => readFile(file, 'utf8'))), [
    'a: 1\n',
    'a: 2\n',
    JSON.stringify(release.overrides, null, 2),
  ]);
  assert.deepEqual(
    files.map((file) => fileNames.get(file)),
    ['values.yaml', 'site', 'the generated rewrite'],
  );
  for (const file of files) assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.ok(args.includes('--labels=diolkos.dev/bundle=shop,diolkos.dev/holder=pod-1'));
  assert.ok(args.includes('--timeout=90s'));
  assert.ok(args.includes('--reset-values'));
});

for (const { major, wait } of [
  { major: 3, wait: '--wait' },
  { major: 4, wait: '--wait=watcher' },
] as const) {
  test(`helm ${major} waits by ${wait}`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'diolkos-test-'));
    t.after(() => rm(folder, { recursive: true }));
    const options = { folder, timeoutSeconds: 90, holder: 'p', bundle: 'shop', signal: t.signal };
    assert.ok((await upgradeArguments({ major }, release, options)).args.includes(wait));
  });
}
