import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readJobOptions } from '../../job/options.ts';

test('flags win over environment variables, and defaults are filled in', () => {
  const options = readJobOptions(['--bundle', '/bundle/shop.tar', '--deadline', '60'], {
    DIOLKOS_BUNDLE: '/other.tar',
    DIOLKOS_SITE: '/site.yaml',
    DIOLKOS_TERMINATION_MESSAGE: '/tmp/message',
    POD_NAME: 'pod-1',
    POD_NAMESPACE: 'diolkos',
  });
  assert.deepEqual(options, {
    bundleFile: '/bundle/shop.tar',
    volumes: [],
    siteFile: '/site.yaml',
    timeoutSeconds: 600,
    deadlineSeconds: 60,
    tagConflict: 'error',
    messageFile: '/tmp/message',
    holder: 'pod-1',
    namespace: 'diolkos',
  });
});

test('directories with volumes are told by repeated flags or by one variable', () => {
  const needed = ['--bundle', 'b', '--site', 's'];
  const flags = readJobOptions([...needed, '--volumes', '/one', '--volumes', '/two'], { DIOLKOS_VOLUMES: '/three' });
  assert.deepEqual(flags.volumes, ['/one', '/two']);
  assert.deepEqual(readJobOptions(needed, { DIOLKOS_VOLUMES: '/one:/two' }).volumes, ['/one', '/two']);
});

const wrong = [
  { name: 'no bundle', args: ['--site', 's'] },
  { name: 'an unknown flag', args: ['--bundle', 'b', '--site', 's', '--force'] },
  { name: 'a timeout with a unit', args: ['--bundle', 'b', '--site', 's', '--timeout', '5m'] },
  { name: 'an unknown policy for tags', args: ['--bundle', 'b', '--site', 's', '--tag-conflict', 'force'] },
  { name: 'a timeout of nothing', args: ['--bundle', 'b', '--site', 's', '--timeout', '0'] },
];
for (const { name, args } of wrong) {
  test(`${name} is bad usage`, () => {
    assert.throws(() => readJobOptions(args, {}), { code: 'USAGE_INVALID' });
  });
}
