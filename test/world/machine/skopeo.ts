/**
 * Debian 12's skopeo (1.9.3) refuses Docker media types in an OCI archive, and skopeo is no Go module to be had. So the
 * package of the next Debian is unpacked, with the libraries it wants, into a folder of its own: nothing is installed.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from '../../../build/cache.ts';
import { attempt, run } from '../../../build/command.ts';

const suite = 'trixie';
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** The path of a skopeo that is 1.18 or newer: the machine's own when it is, else one unpacked into the cache. */
export async function skopeoBinary(options: { signal?: AbortSignal } = {}): Promise<string> {
  if (await isRecent('skopeo', options)) return 'skopeo';
  const folder = await cached(`skopeo-${suite}`, [wrapper], async (folder) => {
    await unpack(folder, options);
    await writeFile(join(folder, 'skopeo'), wrapper, { mode: 0o755 });
    if (!(await isRecent(join(folder, 'skopeo'), options))) throw new Error(`the skopeo of Debian ${suite} does not run here`);
  });
  return join(folder, 'skopeo');
}

/** Runs the program by the loader and the libraries that came with it. */
const wrapper = `#!/bin/sh
root=$(dirname "$(readlink -f "$0")")/root
for loader in "$root"/usr/lib64/ld-linux-*.so.* "$root"/usr/lib/ld-linux-*.so.*; do [ -e "$loader" ] && break; done
for libraries in "$root"/usr/lib/*-linux-gnu; do break; done
exec "$loader" --library-path "$libraries" "$root/usr/bin/skopeo" "$@"
`;

async function isRecent(program: string, options: { signal?: AbortSignal }): Promise<boolean> {
  const found = await attempt([program, '--version'], options).catch(() => undefined);
  const [, major, minor] = /version (\d+)\.(\d+)/.exec(found?.stdout ?? '') ?? [];
  return Number(major) > 1 || (Number(major) === 1 && Number(minor) >= 18);
}

async function unpack(folder: string, options: { signal?: AbortSignal }): Promise<void> {
  const apt = join(folder, 'apt');
  const settings = await privateApt(apt, options);
  await run(['apt-get', ...settings, 'update'], options);
  await run(['apt-get', ...settings, 'install', '--yes', '--download-only', '--no-install-recommends', 'skopeo'], options);
  const archives = (await readdir(join(apt, 'archives'))).filter((file) => /^(skopeo|lib).*\.deb$/.test(file));
  for (const archive of archives) {
    await run(['dpkg-deb', '--extract', join(apt, 'archives', archive), join(folder, 'root')], options);
  }
  await rm(apt, { recursive: true });
}

/** The options of an apt that reads another suite of the machine's own mirror, and knows of no package installed. */
async function privateApt(apt: string, options: { signal?: AbortSignal }): Promise<string[]> {
  for (const folder of ['lists/partial', 'archives/partial']) await mkdir(join(apt, folder), { recursive: true });
  await writeFile(join(apt, 'status'), '');
  await writeFile(join(apt, 'sources.list'), `deb [signed-by=${keyring}] ${await debianMirror(options)} ${suite} main\n`);
  const settings = {
    'Dir::Etc::sourcelist': join(apt, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::State::lists': join(apt, 'lists'),
    'Dir::State::status': join(apt, 'status'),
    'Dir::Cache': apt,
    'Dir::Cache::archives': join(apt, 'archives'),
    'APT::Sandbox::User': 'root',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

/** The address that this machine's own apt takes Debian's packages from. */
async function debianMirror(options: { signal?: AbortSignal }): Promise<string> {
  const format = '$(ORIGIN) $(SUITE) $(REPO_URI)';
  const { stdout } = await run(['apt-get', 'indextargets', '--format', format, 'Created-By: Packages'], options);
  const mirrors = stdout.split('\n').map((line) => line.split(' '));
  const main = mirrors.find(([origin, name]) => origin === 'Debian' && name !== undefined && !/security|updates/.test(name));
  const address = main?.at(-1);
  if (address === undefined) throw new Error('apt knows no Debian mirror; install skopeo 1.18 or newer');
  return address;
}
