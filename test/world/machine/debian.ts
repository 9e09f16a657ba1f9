import { accessSync, constants } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { attempt, run } from '../../../build/command.ts';

/** Debian's packages that the world and the disks of the full suite run on, each with a file that shows it is there. */
const packages: Readonly<Record<string, string>> = {
  containerd: '/usr/bin/containerd',
  runc: '/usr/sbin/runc',
  'containernetworking-plugins': '/usr/lib/cni/bridge',
  buildah: '/usr/bin/buildah',
  podman: '/usr/bin/podman',
  umoci: '/usr/bin/umoci',
  git: '/usr/bin/git',
  gcc: '/usr/bin/gcc',
  'libc6-dev': '/usr/include/stdio.h',
  'docker.io': '/usr/sbin/dockerd',
  'docker-registry': '/usr/bin/docker-registry',
  socat: '/usr/bin/socat',
  iproute2: '/usr/sbin/ip',
  nftables: '/usr/sbin/nft',
  'busybox-static': '/var/lib/dpkg/info/busybox-static.list',
  minisign: '/usr/bin/minisign',
  openssl: '/usr/bin/openssl',
  e2fsprogs: '/usr/sbin/mkfs.ext4',
  'exfat-fuse': '/usr/sbin/mount.exfat-fuse',
  exfatprogs: '/usr/sbin/mkfs.exfat',
  perl: '/usr/bin/perl',
  'util-linux': '/usr/bin/nsenter',
  mount: '/usr/bin/mount',
  'ca-certificates': '/etc/ssl/certs/ca-certificates.crt',
};

/** The packages that this machine lacks. */
export function missingPackages(): readonly string[] {
  return Object.entries(packages)
    .filter(([, file]) => !isReadable(file))
    .map(([name]) => name);
}

/** Installs what is missing. Throws with the command to run when this user may not, or this is no Debian. */
export async function installPackages(options: { signal?: AbortSignal } = {}): Promise<void> {
  const missing = missingPackages();
  if (missing.length === 0) return await fetchPackageLists(options);
  const install = `apt-get install --yes --no-install-recommends ${missing.join(' ')}`;
  if (!isReadable('/usr/bin/apt-get')) {
    throw new Error(`the test world needs these Debian packages, or their like: ${missing.join(', ')}`);
  }
  if (process.getuid?.() !== 0) throw new Error(`Debian packages are missing; run as root: ${install}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await updatePackageLists(options);
  await run(install.split(' '), { ...options, env });
  const absent = missingPackages();
  if (absent.length > 0) throw new Error(`still missing after "${install}": ${absent.join(', ')}`);
}

/** Asks the mirrors anew. One that does not answer is no failure yet: the package may come from another. */
export async function updatePackageLists(options: { signal?: AbortSignal } = {}): Promise<void> {
  await attempt(['apt-get', 'update'], options);
}

/** Images of Debian come without lists, and base images are made of packages that apt downloads. */
async function fetchPackageLists(options: { signal?: AbortSignal }): Promise<void> {
  const lists = await readdir('/var/lib/apt/lists').catch(() => []);
  if (process.getuid?.() === 0 && !lists.some((file) => file.endsWith('Release'))) await updatePackageLists(options);
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
