import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { sampleImage } from '../registries/sample-images.ts';
import { assertFailed, assertLeft, runCli } from './cli.ts';
import { chartFiles, folderWith, registryOf, seed, specYaml } from './workshop.ts';

const bad: readonly { readonly name: string; readonly output: string; readonly says: readonly string[] }[] = [
  {
    name: 'in a folder that does not exist',
    output: 'absent/shop.tar',
    says: ['cannot write absent/shop.tar: its directory does not exist'],
  },
  {
    name: 'below a file',
    output: 'bundle.yaml/shop.tar',
    says: ['cannot write bundle.yaml/shop.tar: its directory does not exist'],
  },
  { name: 'that is a folder', output: 'chart', says: ['chart is a directory'] },
  // Root may write nearly everywhere, but not there.
  { name: 'where nobody may write', output: '/sys/shop.tar', says: ['cannot write /sys/shop.tar: '] },
];
for (const { name, output, says } of bad) {
  test(`an output ${name} is refused before any work is done`, async (t) => {
    const registry = await registryOf(t);
    const folder = await folderWith(t, {
      ...chartFiles([`${registry.host}/shop/api:1`]),
      'bundle.yaml': specYaml(registry.host),
    });
    const run = await runCli(['build', 'bundle.yaml', '-o', output], { folder });
    assertFailed(run, { error: 'FILE_UNWRITABLE', says });
    assert.deepEqual(registry.requests, []);
    await assertLeft(folder, ['bundle.yaml', 'chart']);
  });
}

test('a full disk is told with figures, and the lock stays as it was', async (t) => {
  const registry = await registryOf(t);
  await seed(registry, 'shop/api', '1', sampleImage({ seed: 'large', layers: [1_500_000] }));
  const folder = await folderWith(t, { ...chartFiles([`${registry.host}/shop/api:1`]), 'bundle.yaml': specYaml(registry.host) });
  const disk = join(folder, '.disk');
  await mkdir(disk);
  await writeFile(join(folder, '.sh'), `mount -t tmpfs -o size=1m none "${disk}"; "$@"; code=$?; ls "${disk}" >&2; exit $code\n`);
  const namespace = ['unshare', '--user', '--map-root-user', '--mount', 'sh'];
  const allowed = spawnSync('unshare', [...namespace.slice(1, -1), 'mount', '-t', 'tmpfs', 'none', disk]).status === 0;
  assert.ok(allowed, 'needs unshare (util-linux) and user namespaces: sysctl kernel.unprivileged_userns_clone=1, or run as root');
  const run = await runCli(['build', 'bundle.yaml', '-o', '.disk/shop.tar'], {
    folder,
    wrapper: [...namespace, join(folder, '.sh')],
  });
  assertFailed(run, {
    error: 'DISK_FULL',
    says: [/\.disk\/shop\.tar takes \d{7} bytes, and \d+ are free in \.disk/, 'make room'],
  });
  assert.doesNotMatch(run.stderr, /partial/);
  await assertLeft(folder, ['bundle.yaml', 'chart']);
});
