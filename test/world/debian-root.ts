import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attempt, run } from '../../build/command.ts';
import { updatePackageLists } from './machine/debian.ts';

/** Unpacks Debian packages, of this machine's own release, into a folder; nothing is installed. */
export async function unpackDebianPackages(
  folder: string,
  packages: readonly string[],
  options: { signal?: AbortSignal } = {},
): Promise<void> {
  const downloads = await mkdtemp(join(tmpdir(), 'diolkos-debian-'));
  try {
    const download = ['apt-get', '-o', 'APT::Sandbox::User=root', 'download', ...packages];
    if ((await attempt(download, { ...options, cwd: downloads })).code !== 0) {
      await updatePackageLists(options); // the mirror has newer versions than the lists know
      await run(download, { ...options, cwd: downloads });
    }
    for (const archive of await readdir(downloads)) {
      await run(['dpkg-deb', '--extract', join(downloads, archive), folder], options);
    }
  } finally {
    await rm(downloads, { recursive: true, force: true });
  }
}
