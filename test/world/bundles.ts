/** Bundles as a vendor makes them: the command line as a process, images from the registry in front of the gap. */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { attempt, type CommandResult } from '../../build/command.ts';
import { checkout } from '../../build/image-context.ts';
import type { Lock } from '../../bundle-spec/lock.ts';
import { publishedInstaller } from '../../cluster/install-manifests.ts';
import { version } from '../../src/version.ts';
import { busyboxImage, type ImageArchive, podinfoChart, podinfoImage } from './images.ts';
import { ctrImport } from './importers.ts';
import { installerImage } from './installer-image.ts';
import type { World } from './world.ts';

export type TestChart = 'umbrella' | 'fragile' | 'hub' | 'obstinate';

export interface BundlePlan {
  /** Names the bundle and the namespace of its releases: tests with names of their own do not meet. */
  readonly name: string;
  /** Version of the bundle and of its charts. Default 1.0.0. */
  readonly version?: string;
  /** A release for each; the only one is called as the bundle, one of several as its chart, and each waits for the one before. */
  readonly charts: readonly TestChart[];
  readonly values?: object;
  /** Scan profiles of every release. */
  readonly scan?: object;
  /** Default: linux/amd64. */
  readonly platforms?: readonly string[];
  /** `none` makes a small bundle, for a node that has the installer (`preloadInstaller`). Default: the image of this checkout. */
  readonly installer?: 'none';
  /** `images.extra`; archives by absolute paths. */
  readonly extra?: readonly (string | { readonly archive: string })[];
  /** The file of a minisign key that signs the bundle, one without a password. Default: it stays unsigned. */
  readonly secretKey?: string;
  /** Further flags of `diolkos build`. */
  readonly flags?: readonly string[];
}

export interface TestBundle {
  readonly name: string;
  readonly version: string;
  readonly spec: string;
  readonly tar: string;
  readonly lockFile: string;
}

/** The four images that podinfo's test pods have in their templates; nobody runs them here. */
const testImages = ['alpine', 'curlimages/curl', 'stefanprodan/grpc_health_probe', 'giantswarm/tiny-tools'];

/** Writes a spec, runs `diolkos build` on it and returns what came out. */
export async function buildBundle(world: World, plan: BundlePlan): Promise<TestBundle> {
  const bundle = await writeSpec(world, plan);
  await publishImages(world);
  const built = await diolkos(world, ['build', bundle.spec, '-o', bundle.tar, ...(plan.flags ?? [])]);
  if (built.code !== 0) throw new Error(`diolkos build: ${built.stderr}`);
  return bundle;
}

/** The command line from source, as a process with the credentials that the specs here name. */
export async function diolkos(world: World, args: readonly string[]): Promise<CommandResult> {
  const { username, password } = world.registryOutside;
  const env = {
    ...process.env,
    DIOLKOS_CACHE: 'off',
    DIOLKOS_HELM: world.tools.helm4,
    VENDOR_NAME: username,
    VENDOR_PASSWORD: password,
  };
  return await attempt([process.execPath, join(checkout, 'src/main.ts'), ...args], { env });
}

export async function readLockFile(bundle: TestBundle): Promise<Lock> {
  return load(await readFile(bundle.lockFile, 'utf8')) as Lock;
}

async function writeSpec(world: World, plan: BundlePlan): Promise<TestBundle> {
  const { name, version: bundleVersion = '1.0.0' } = plan;
  const folder = join(world.state.folder, 'connected', `${name}-${bundleVersion}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const chart of plan.charts) await layChart(chart, bundleVersion, join(folder, chart));
  const spec = join(folder, 'bundle.yaml');
  const document = {
    apiVersion: 'diolkos.dev/v1',
    kind: 'Bundle',
    metadata: { name, version: bundleVersion },
    target: { kubernetes: ['1.36'], platforms: plan.platforms ?? ['linux/amd64'] },
    installer: plan.installer ?? (await archivedInstaller()),
    sources: { images: imageSources(world) },
    releases: plan.charts.map((chart, index) => ({
      name: plan.charts.length === 1 ? name : chart,
      namespace: name,
      chart: { path: chart },
      values: [{ inline: plan.values ?? {} }],
      scan: plan.scan ?? {},
      dependsOn: plan.charts.slice(0, index),
    })),
    images: { ignore: plan.charts.includes('umbrella') ? testImages : [], extra: plan.extra ?? [] },
    ...(plan.secretKey && { sign: { minisign: { secretKey: plan.secretKey } } }),
  };
  await writeFile(spec, JSON.stringify(document, null, 2)); // JSON is YAML
  return { name, version: bundleVersion, spec, tar: join(folder, 'shop.tar'), lockFile: join(folder, 'bundle.lock.yaml') };
}

/** Public names, fetched from a mirror with an authority and a password of its own. */
export function imageSources(world: World, hosts: readonly string[] = ['docker.io', 'ghcr.io']): object[] {
  const { host, caFile } = world.registryOutside;
  const credentials = { env: { username: 'VENDOR_NAME', password: 'VENDOR_PASSWORD' } };
  return hosts.map((name) => ({ host: name, mirror: `${host}/${name}`, ca: caFile, credentials }));
}

async function layChart(name: TestChart, chartVersion: string, folder: string): Promise<void> {
  await cp(join(import.meta.dirname, 'charts', name), folder, { recursive: true });
  const file = join(folder, 'Chart.yaml');
  await writeFile(file, (await readFile(file, 'utf8')).replace('\nversion: 1.0.0', `\nversion: ${chartVersion}`));
  if (name === 'umbrella') await cp(await podinfoChart(), join(folder, 'charts/podinfo'), { recursive: true });
}

async function archivedInstaller(): Promise<string> {
  const { archive, reference } = await ownInstaller();
  return `oci-archive:${archive}:${reference}`;
}

let installer: Promise<ImageArchive> | undefined;

/** Once for each test file: the checkout may be edited while it runs. */
function ownInstaller(): Promise<ImageArchive> {
  installer ??= installerImage();
  return installer;
}

/** Puts the installer on the node under its published name, which a bundle without one asks for. */
export async function preloadInstaller(world: World): Promise<void> {
  const { archive, reference } = await ownInstaller();
  await ctrImport(world, archive);
  const tag = ['-n', 'k8s.io', 'images', 'tag', '--force', reference, publishedInstaller(version)];
  const { code, stderr } = await world.ctr(tag);
  if (code !== 0) throw new Error(`ctr images tag: ${stderr}`);
}

/** busybox under two tags and podinfo, each for two platforms; what is said to be for arm64 is never run. */
export async function publishImages(world: World): Promise<void> {
  const { host } = world.registryOutside;
  const [busybox, podinfo] = [`${host}/docker.io/library/busybox`, `${host}/ghcr.io/stefanprodan/podinfo`];
  if ((await world.crane('outside', ['digest', `${podinfo}:6.9.2`])).code === 0) return;
  await world.pushImage('outside', await busyboxImage(), 'docker.io/library/busybox:amd64');
  await world.pushImage('outside', await podinfoImage(), 'ghcr.io/stefanprodan/podinfo:amd64');
  await mustCrane(world, ['mutate', `${busybox}:amd64`, '--label', 'version=1.36', '--tag', `${busybox}:amd64-1.36`]);
  await publishIndex(world, busybox, 'amd64', '1.35');
  await publishIndex(world, busybox, 'amd64-1.36', '1.36');
  await publishIndex(world, podinfo, 'amd64', '6.9.2');
}

/** busybox under another name, for what nobody has to do anything. */
export async function publishAs(world: World, name: string): Promise<void> {
  const { host } = world.registryOutside;
  await publishImages(world);
  await mustCrane(world, ['copy', `${host}/docker.io/library/busybox:amd64`, `${host}/${name}`]);
}

async function publishIndex(world: World, repository: string, amd64: string, tag: string): Promise<void> {
  const arm64 = `${repository}:arm64-${tag}`;
  await mustCrane(world, ['mutate', `${repository}:${amd64}`, '--set-platform', 'linux/arm64', '--tag', arm64]);
  const manifests = ['--manifest', `${repository}:${amd64}`, '--manifest', arm64];
  await mustCrane(world, ['index', 'append', ...manifests, '--tag', `${repository}:${tag}`]);
}

async function mustCrane(world: World, args: readonly string[]): Promise<void> {
  const { code, stderr } = await world.crane('outside', args);
  if (code !== 0) throw new Error(`crane ${args[0]}: ${stderr}`);
}
