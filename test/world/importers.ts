/** What people behind a gap load bundles with, each the real program with storage that is thrown away afterwards. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { attempt, run } from '../../build/command.ts';
import { skopeoBinary } from './machine/skopeo.ts';
import type { World } from './world.ts';

interface ImportOptions {
  readonly signal?: AbortSignal;
}

/** An image as the importer shows it afterwards. */
export interface ImportedImage {
  /** As the importer lists it: docker leaves `docker.io/library/` out. */
  readonly reference: string;
  /** Docker and podman: the digest of the config. containerd: the digest of what the name points to. */
  readonly digest: string;
}

/** `docker load` into a dockerd of its own. Rejects with docker's words when it refuses. */
export async function dockerLoad(tar: string, options: ImportOptions = {}): Promise<ImportedImage[]> {
  return await withDocker(async (docker) => {
    await run([...docker, 'load', '--input', tar], options);
    const list = ['images', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}'];
    return parseLines((await run([...docker, ...list], options)).stdout);
  }, options);
}

/** `podman load` into a store of its own. */
export async function podmanLoad(tar: string, options: ImportOptions = {}): Promise<ImportedImage[]> {
  return await withScratch('diolkos-podman-', async (folder) => {
    const place = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--tmpdir', join(folder, 'tmp')];
    const podman = ['podman', ...place, '--storage-driver', 'vfs', '--events-backend', 'none'];
    await run([...podman, 'load', '--input', tar], options);
    const list = ['images', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}'];
    return parseLines((await run([...podman, ...list], options)).stdout);
  });
}

/**
 * `umoci unpack` of one image of an OCI layout directory, which is all that umoci reads: the bundle is untarred first. Gives the names
 * at the top of the root file system.
 */
export async function umociUnpack(tar: string, reference: string, options: ImportOptions = {}): Promise<string[]> {
  return await withScratch('diolkos-umoci-', async (folder) => {
    const layout = join(folder, 'layout');
    await mkdir(layout);
    await run(['tar', '--extract', '--file', tar, '--directory', layout], options);
    await run(['umoci', 'unpack', '--rootless', '--image', `${layout}:${reference}`, join(folder, 'unpacked')], options);
    return await readdir(join(folder, 'unpacked', 'rootfs'));
  });
}

/** `ctr -n k8s.io images import` on the node: what the kubelet then finds without a registry. Lists what is there after. */
export async function ctrImport(world: World, tar: string, options: ImportOptions = {}): Promise<ImportedImage[]> {
  const imported = await world.ctr(['-n', 'k8s.io', 'images', 'import', tar], options);
  if (imported.code !== 0) throw new Error(`ctr refused ${tar}: ${imported.stderr}${imported.stdout}`);
  const listed = await world.ctr(['-n', 'k8s.io', 'images', 'list'], options);
  const rows = listed.stdout.trim().split('\n').slice(1);
  return rows.map((row) => {
    const [reference = '', , digest = ''] = row.split(/\s+/);
    return { reference, digest };
  });
}

/** `skopeo inspect oci-archive:<tar>:<reference>`, parsed. */
export async function skopeoInspect(
  tar: string,
  reference: string,
  options: ImportOptions = {},
): Promise<{ Digest: string; Layers: string[]; Architecture: string; Os: string }> {
  const inspect = [await skopeoBinary(options), 'inspect', `oci-archive:${tar}:${reference}`];
  return JSON.parse((await run(inspect, options)).stdout);
}

/**
 * Runs a dockerd of its own, with no network, while `work` calls the docker command it is given. It is PID 1 of a
 * namespace, so that ending it ends the containerd it starts; the private /run hides a containerd of the machine.
 */
export async function withDocker<T>(work: (docker: string[]) => Promise<T>, options: ImportOptions = {}): Promise<T> {
  return await withScratch('diolkos-docker-', async (folder) => {
    const socket = `unix://${join(folder, 'docker.sock')}`;
    const place = ['--data-root', join(folder, 'data'), '--exec-root', '/run/docker', '--pidfile', '/run/docker.pid'];
    const settings = ['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-masq=false', '--storage-driver=vfs'];
    const dockerd = ['dockerd', '--host', socket, ...place, ...settings];
    const unshare = ['unshare', '--pid', '--net', '--mount', '--mount-proc', '--fork', '--kill-child', '--'];
    const command = [
      '--pdeathsig',
      'KILL',
      '--',
      ...unshare,
      'sh',
      '-c',
      'mount -t tmpfs run /run && exec "$@"',
      'sh',
      ...dockerd,
    ];
    const daemon = spawn('setpriv', command, { stdio: ['ignore', 'ignore', 'pipe'] });
    const log: string[] = [];
    daemon.stderr.setEncoding('utf8').on('data', (text: string) => log.push(text));
    const ended = once(daemon, 'exit');
    try {
      const docker = ['docker', '--host', socket];
      for (let tries = 0; (await attempt([...docker, 'version'], options)).code !== 0; tries += 1) {
        if (daemon.exitCode !== null || tries > 150) throw new Error(`dockerd does not answer: ${log.join('').slice(-2000)}`);
        await sleep(100);
      }
      return await work(docker);
    } finally {
      daemon.kill('SIGKILL');
      await ended;
    }
  });
}

function parseLines(lines: string): ImportedImage[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [reference = '', digest = ''] = line.split(' ');
      return { reference, digest };
    });
}

async function withScratch<T>(prefix: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), prefix));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
