import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertDone, runCli } from '../src/cli.ts';
import { chartFiles, folderWith, siteYaml, specYaml, tagsOf } from '../src/workshop.ts';
import { bigRegistry, layerOf, sinkRegistry } from './big-registries.ts';
import { isSample } from './series.ts';

/** Bytes of the layers: 3 GB in all, or a tenth of it. */
const sizes = [2_000_000_000, 600_000_000, 300_000_001, 100_000_000].map((size) => Math.floor(size / (isSample ? 10 : 1)));
/** The program itself takes 120 MB of it; what is under way, and what waits to be collected, the rest. */
const memoryLimit = 256e6;

test('memory does not grow with the bundle', { skip: process.platform !== 'linux' && 'VmHWM is of Linux' }, async (t) => {
  const layers = sizes.map((size) => layerOf(size));
  const connected = await bigRegistry(t, layers);
  const inside = await sinkRegistry(t);
  const folder = await folderWith(t, {
    ...chartFiles([`${connected.host}/shop/big:1`]),
    'bundle.yaml': specYaml(connected.host),
    'site.yaml': siteYaml(inside.host),
  });
  for (const args of [
    ['build', 'bundle.yaml', '-o', 'shop.tar'],
    ['verify', 'shop.tar'],
    ['inspect', 'shop.tar'],
    ['push', 'shop.tar', '--site', 'site.yaml'],
  ]) {
    await t.test(args.join(' '), async (own) => {
      const startedAt = performance.now();
      let peak = () => 0;
      const onStart = (child: ChildProcess) => {
        peak = watchMemory(child);
      };
      assertDone(await runCli(args, { folder, onStart }));
      const seconds = (performance.now() - startedAt) / 1000;
      own.diagnostic(`${(peak() / 1e6).toFixed(0)} MB at most, ${seconds.toFixed(1)} s`);
      assert.ok(peak() > 0 && peak() < memoryLimit, `${peak()} bytes resident`);
    });
  }
  assert.ok((await stat(join(folder, 'shop.tar'))).size > sizes.reduce((sum, size) => sum + size, 0));
  assert.equal(tagsOf(inside).length, 2);
});

/** The most memory that a process has had so far, asked for while it lives. */
function watchMemory(child: ChildProcess): () => number {
  let most = 0;
  const timer = setInterval(() => {
    try {
      const [, kilobytes = '0'] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
      most = Math.max(most, Number(kilobytes) * 1024);
    } catch {
      // it has just ended
    }
  }, 25);
  child.once('exit', () => clearInterval(timer));
  return () => most;
}
