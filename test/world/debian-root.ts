import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../build/command.ts';

/** Unpacks Debian packages, of this machine's own release, into a folder; nothing is installed. */
export async function unpackDebianPackages(
  folder: string,
  packages: readonly string[],
  options: { signal?: AbortSignal } = {},
): Promise<void> {
  const downloads = await mkdtemp(join(tmpdir(), 'diolkos-debian-'));
  try {
    await run(['apt-get', '-o', 'APT::Sandbox::User=root', 'download', ...packages], { ...options, cwd: downloads });
    for (const archive of await readdir(downloads)) {
      await run(['dpkg-deb', '--extract', join(downloads, archive), folder], options);
    }
  } finally {
    await rm(downloads, { recursive: true, force: true });
  }
}
