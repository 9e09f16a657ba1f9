/** What may come over the gap besides one whole file: volumes, deltas, signatures, and images that no registry ever had. */
import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../build/command.ts';
import { minisignSample } from '../images/sample-keys.ts';
import { buildBundle, diolkos, preloadInstaller, publishAs, readLockFile, type TestBundle } from './bundles.ts';
import { type InstallerJob, must, type SitePlan, startJob, type Verdict, verdictOf } from './installer-job.ts';
import { skopeoBinary } from './machine/skopeo.ts';
import { codeBlocks } from './readme-install.ts';
import { connectWorld } from './world.ts';

const world = await connectWorld();
await preloadInstaller(world);

const name = 'parted';
const tool = 'docker.io/local/tool:1';
const otherKey = 'RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3';
const disks = ['disk-1', 'disk-2'].map((disk) => join('/var/lib/diolkos', disk));
const secretKey = join(world.state.folder, 'shop.key');
await writeFile(secretKey, minisignSample.secretKey);

const plan = {
  name,
  charts: ['fragile'],
  installer: 'none',
  values: { image: tool, web: { script: 'echo from the archive; sleep infinity' } },
  extra: [{ archive: await savedImage() }],
} as const;
const first = await buildBundle(world, { ...plan, secretKey });
const volumes = await spreadOverDisks(first);

const site = {
  jobNamespace: 'parted-job',
  registry: { prefix: 'parted' },
  signedBy: [minisignSample.publicKey],
} satisfies SitePlan;
const parted = { ...site, place: { path: join(disks[0] ?? '', 'parted.tar'), volumes: disks.slice(1) } };

// One story: each Job finds what the one before left.
test('volumes that install/README.md says how to lay are found, and refused by a site that trusts another key', async () => {
  const folder = partsFolder(first);
  const readme = await run(['sh', '-ec', `cat ${folder}/parted.tar.[0-9]* | tar xO install/README.md`]);
  const commands = [`cd ${folder}`, ...codeBlocks(readme.stdout, /^A bundle in volumes/)].join('\n');
  await must(world.exec(['sh', '-ec', commands.replaceAll('shop.tar', 'parted.tar')]));
  await must(world.exec(['test', '-s', join(folder, 'install/60-job.yaml')]));
  const place = { path: '/var/lib/diolkos/parted-1.0.0.tar', volumes: [] };
  const told = await job(first, { ...site, place, signedBy: [otherKey] });
  assertRefused(told, 'SIGNATURE_INVALID', [minisignSample.id, 'E7620F1842B4E81F', 'signedBy']);
  assert.deepEqual(await repositories('parted'), []);
});

test('a volume that was not copied is named', async () => {
  const missing = volumes[1] ?? '';
  const away = join('/var/lib/diolkos', missing);
  await must(world.exec(['mv', join(disks[1] ?? '', missing), away]));
  const told = await job(first, parted);
  await must(world.exec(['mv', away, disks[1] ?? '']));
  assertRefused(told, 'VOLUME_MISSING', [`1 of ${volumes.length} volumes`, missing, '/volumes-1']);
  assert.deepEqual(await repositories('parted'), []);
});

test('a signed bundle in volumes on two disks is installed, and what runs came from an archive', async () => {
  const told = await job(first, parted);
  assert.equal(told.condition, 'Complete', told.message);
  assert.match(told.message, /^OK parted 1\.0\.0: 1 release deployed, 1 image \(1 pushed, 0 present\)/);
  assert.equal((await must(world.kubectl(['logs', 'deployment/parted-web', '-n', name]))).stdout, 'from the archive\n');
  const [image] = (await readLockFile(first)).images;
  const id = 'jsonpath={.items[0].status.containerStatuses[0].imageID}';
  const { stdout } = await must(world.kubectl(['get', 'pods', '-n', name, '-l', 'app=parted-web', '-o', id]));
  assert.equal(stdout, `${world.registryInside.host}/parted/docker.io/local/tool@${image?.digest}`);
});

let second: TestBundle;
test('a delta to what the site reported is refused by a registry that has no base, before anything is sent', async () => {
  const record = ['get', 'configmap', `diolkos-record-${name}`, '-n', site.jobNamespace, '-o', 'jsonpath={.data.record\\.json}'];
  const report = join(world.state.folder, 'site-report.json');
  await writeFile(report, (await must(world.kubectl(record))).stdout);
  const extra = [...plan.extra, 'docker.io/library/busybox:1.36'];
  second = await buildBundle(world, { ...plan, version: '1.1.0', extra, secretKey, flags: ['--base', report] });
  assert.match((await must(diolkos(world, ['inspect', second.tar]))).stdout, /a delta to parted 1\.0\.0/);
  const told = await job(second, { ...site, registry: { prefix: 'elsewhere' } });
  assertRefused(told, 'BASE_MISSING', ['is a delta', `${tool} lacks 2 blobs`, 'parted 1.0.0']);
  assert.deepEqual(await repositories('elsewhere'), []);
});

test('where the base is, the delta upgrades', async () => {
  const told = await job(second, site);
  assert.equal(told.condition, 'Complete', told.message);
  assert.match(told.message, /^OK parted 1\.1\.0: 1 release deployed, 2 images \(1 pushed, 1 present\)/);
  assert.match(told.message, /^state: parted is deployed in parted at revision 2$/m);
});

test('a bundle that nobody signed is refused, and the release stays as it is', async () => {
  const told = await job(await buildBundle(world, { ...plan, version: '1.2.0' }), site);
  assertRefused(told, 'SIGNATURE_INVALID', ['is not signed']);
  assert.match((await must(world.helm(4, ['history', name, '-n', name]))).stdout, /\n2\s.*deployed[^\n]*\n$/);
});

async function job(bundle: TestBundle, plan: SitePlan): Promise<Verdict> {
  const started: InstallerJob = await startJob(world, bundle, plan);
  return await verdictOf(world, started);
}

function assertRefused({ condition, message }: Verdict, code: string, says: readonly string[]): void {
  assert.equal(condition, 'Failed', message);
  assert.match(
    message.split('\n')[0] ?? '',
    new RegExp(`^FAILED (?:parted 1\\.\\d\\.0|bundle parted\\.tar) phase=\\w+ .*\\[${code}\\]$`),
  );
  for (const words of says) assert.ok(message.includes(words), `${words}: ${message}`);
  assert.match(message, /nothing was changed/);
}

async function repositories(prefix: string): Promise<string[]> {
  return (await world.catalog('inside')).filter((repository) => repository.startsWith(`${prefix}/`));
}

/** As `docker save` writes it; no registry has an image of this name, and no node one with this label. */
async function savedImage(): Promise<string> {
  const made = `${world.registryOutside.host}/scratch/tool`;
  await publishAs(world, 'scratch/tool:1');
  await must(world.crane('outside', ['mutate', `${made}:1`, '--label', 'made=here', '--tag', `${made}:2`]));
  const [pulled, saved] = ['pulled.tar', 'tool.tar'].map((file) => join(world.state.folder, file));
  await must(world.crane('outside', ['pull', `${made}:2`, pulled ?? '']));
  const copy = ['--insecure-policy', 'copy', '--quiet', `docker-archive:${pulled}`, `docker-archive:${saved}:${tool}`];
  await run([await skopeoBinary(), ...copy]);
  return saved ?? '';
}

function partsFolder({ tar }: Pick<TestBundle, 'tar'>): string {
  return join(dirname(tar), 'parts');
}

/** Builds the same bundle in volumes, and copies them to the directories on the node in turn. Their names. */
async function spreadOverDisks({ spec, tar }: TestBundle): Promise<string[]> {
  const folder = partsFolder({ tar });
  const file = join(folder, 'parted.tar');
  await run(['mkdir', '-p', folder]);
  await must(diolkos(world, ['build', spec, '-o', file, '--reuse', tar, '--volume-size', '1MB']));
  const parts = (await readdir(folder)).filter((part) => /\.\d{3}$/.test(part)).sort();
  await must(world.exec(['mkdir', '-p', ...disks]));
  const copies = parts.map((part, index) => `cp ${folder}/${part} ${disks[index % disks.length]}/`);
  await must(world.exec(['sh', '-ec', [...copies, `chmod 644 ${disks.map((disk) => `${disk}/*`).join(' ')}`].join('\n')]));
  return parts;
}
