import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { assertDone, runCli } from '../src/cli.ts';
import { chartFiles, folderWith, siteYaml, specYaml, tagsOf } from '../src/workshop.ts';
import { bigRegistry, layerOf, sinkRegistry } from './big-registries.ts';
import { isSample } from './series.ts';

const run = promisify(execFile);

/** Eight octal digits of a tar header end at 8 GiB. A sample goes the same way with a small one: the disk of CI is small. */
const size = isSample ? 8_000_001 : 8 * 2 ** 30 + 1;

test(`an entry of ${size} bytes is built, verified, inspected, pushed, and read by tar`, async (t) => {
  const zeros = layerOf(size, Buffer.alloc(1 << 20));
  const connected = await bigRegistry(t, [zeros]);
  const inside = await sinkRegistry(t);
  const folder = await folderWith(t, {
    ...chartFiles([`${connected.host}/shop/big:1`]),
    'bundle.yaml': specYaml(connected.host),
    'site.yaml': siteYaml(inside.host),
  });
  const diolkos = async (...args: string[]) => {
    const startedAt = performance.now();
    const said = assertDone(await runCli(args, { folder }));
    t.diagnostic(`${args[0]}: ${((performance.now() - startedAt) / 1e3).toFixed(1)} s`);
    return said;
  };
  await diolkos('build', 'bundle.yaml', '-o', 'shop.tar');
  assert.ok((await stat(join(folder, 'shop.tar'))).size > size);
  await diolkos('verify', 'shop.tar');
  assert.match(await diolkos('inspect', 'shop.tar'), /shop\/big:1/);
  await diolkos('push', 'shop.tar', '--site', 'site.yaml');
  assert.equal(tagsOf(inside).length, 2);
  const entry = `blobs/sha256/${zeros.digest.slice('sha256:'.length)}`;
  const { stdout } = await run('tar', ['-tvf', join(folder, 'shop.tar'), entry]);
  assert.match(stdout, new RegExp(` ${size} .* ${entry}$`, 'm'));
  const whole = await run('sh', ['-c', 'tar -xOf "$0" "$1" | sha256sum', join(folder, 'shop.tar'), entry]);
  assert.equal(`sha256:${whole.stdout.slice(0, 64)}`, zeros.digest);
  // What comes behind it is found too.
  const { stdout: names } = await run('tar', ['-tf', join(folder, 'shop.tar')]);
  assert.match(names, /^index\.json$/m);
});
