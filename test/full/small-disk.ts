import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A disk whose power can be cut: what was not synced is lost, as on a real one. */
export interface Disk {
  readonly path: string;
  /** Every write from now on fails, and what only memory had is gone. */
  cutPower(): Promise<void>;
  /** Switches it on again. */
  remount(): Promise<void>;
}

/** An ext4 of its own in a file, through a loop device. It does not sync by itself what a program forgot, as it would after a rename. */
export async function ext4(t: TestContext, size = 64 << 20): Promise<Disk> {
  assert.equal(process.getuid?.(), 0, 'only root can mount');
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-disk-'));
  const [image, path] = [join(folder, 'ext4'), join(folder, 'disk')];
  await mkdir(path);
  await writeFile(image, '');
  await truncate(image, size);
  await run('mkfs.ext4', ['-q', image]);
  let mounted = image;
  const mount = () => run('mount', ['-o', 'loop,noauto_da_alloc', mounted, path]);
  await mount();
  t.after(async () => {
    await run('umount', [path]);
    await rm(folder, { recursive: true });
  });
  return {
    path,
    cutPower: () => shutDown(path),
    async remount() {
      await run('umount', [path]);
      // Whoever got a mount namespace of his own meanwhile still has the dead disk mounted, and the same file would give it back.
      const copy = `${mounted}.again`;
      await run('cp', ['--sparse=always', mounted, copy]);
      mounted = copy;
      await mount();
    },
  };
}

/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: not even the journal of the file system is written. Node has no ioctl. */
async function shutDown(path: string): Promise<void> {
  const script = 'open(my $d, "<", $ARGV[0]) or die $!; my $flags = pack("L", 2); ioctl($d, 0x8004587d, $flags) or die $!;';
  await run('perl', ['-e', script, path]);
}
