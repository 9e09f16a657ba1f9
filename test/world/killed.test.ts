import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildBundle } from './bundles.ts';
import { ctrImport } from './importers.ts';
import { type InstallerJob, must, podOf, startJob, until, verdictOf } from './installer-job.ts';
import { connectWorld } from './world.ts';

const world = await connectWorld();
const name = 'killed';
const job: InstallerJob = { bundle: await buildBundle(world, { name, charts: ['fragile'] }), namespace: 'killed-job' };
await unpackInstaller();

/** Long enough to be killed in: helm waits for the hook. */
const slow = { migrate: { script: 'sleep 20' } };

// One story in five runs: each begins with what the one before left.
test('a Job that is killed while it pushes says so', async () => {
  await start(slow);
  await whilePushing(killProcess);
  const { condition, message, described } = await verdictOf(world, job);
  assert.equal(condition, 'Failed');
  assert.match(message, /^DIED killed 1\.0\.0 phase=push: the installer was killed in this phase/);
  assert.match(message, /nothing was installed or upgraded; what was pushed stays/);
  assert.match(message, /^next: run the Job again/m);
  assert.match(described, /Exit Code: +137/);
  assert.ok(described.includes(message.split('\n')[0] ?? ''), described);
  assert.deepEqual(await revisions(), []);
});

test('a Job whose pod is deleted while it pushes leaves no tag', async () => {
  await start(slow);
  await whilePushing(deletePod);
  const { condition, message } = await verdictOf(world, job);
  assert.equal(condition, 'Failed');
  assert.equal(message, '', 'the pod is gone, and its message with it');
  assert.equal((await world.crane('inside', ['ls', `${world.registryInside.host}/${name}/localhost/diolkos`])).stdout, '');
});

test('a Job that is killed while helm waits says what it was at', async () => {
  await start(slow);
  await whileHelmWaits();
  await killProcess();
  const { message } = await verdictOf(world, job);
  assert.match(message, /^DIED killed 1\.0\.0 phase=install: /);
  assert.match(message, /^state: killed was being installed or upgraded$/m);
  assert.deepEqual(await revisions(), ['1 pending-install']);
});

test('a Job recovers the release that a killed helm left, and may be deleted in its turn', async () => {
  await start(slow);
  await until('the new revision', async () => ((await recovered()) ? true : undefined));
  await whileHelmWaits();
  await deletePod();
  await verdictOf(world, job);
  // Even "--force" leaves two seconds for a last word: helm may have used them.
  assert.match((await revisions()).join(), /^1 (failed|pending-install)$/);
});

test('run again after all of that, the Job succeeds and no release is stuck', async () => {
  await start({});
  const { condition, message } = await verdictOf(world, job);
  assert.equal(condition, 'Complete', message);
  assert.match(message, /^OK killed 1\.0\.0: 1 release deployed, 2 images \(0 pushed, 2 present\)/);
  assert.match((await revisions()).join(), /^(1 deployed|1 superseded,2 deployed)$/);
});

test('a bundle in a hostPath asks for a privileged namespace, and says so in its manifest', async () => {
  const level = 'jsonpath={.metadata.labels.pod-security\\.kubernetes\\.io/enforce}';
  assert.equal((await must(world.kubectl(['get', 'namespace', job.namespace, '-o', level]))).stdout, 'privileged');
});

async function start(values: object): Promise<void> {
  leftUploads = uploads();
  await startJob(world, job.bundle, { jobNamespace: job.namespace, values });
}

/** Stops the registry as soon as bytes of a blob have come, so that the push cannot be through before `kill` is. */
async function whilePushing(kill: () => Promise<void>): Promise<void> {
  const registry = await processOf(join(world.state.folder, 'registry-inside/config.json'));
  await until('the first bytes', async () => ((await bytesArriving()) ? true : undefined));
  process.kill(registry, 'SIGSTOP');
  try {
    await until('word of the push', async () => ((await logged('push-planned')) ? true : undefined));
    await kill();
  } finally {
    process.kill(registry, 'SIGCONT');
  }
}

async function whileHelmWaits(): Promise<void> {
  await until('the hook', async () => {
    const path = 'jsonpath={.status.active}';
    return (await world.kubectl(['get', 'job', `${name}-migrate`, '-n', name, '-o', path])).stdout === '1' ? true : undefined;
  });
}

/** As the kernel does it when memory is short: no last word, and nothing above hears of it before. */
async function killProcess(): Promise<void> {
  const path = 'jsonpath={.status.containerStatuses[0].containerID}';
  const { stdout } = await must(world.kubectl(['get', 'pod', await podOf(world, job), '-n', job.namespace, '-o', path]));
  await must(world.ctr(['-n', 'k8s.io', 'task', 'kill', '--signal', 'SIGKILL', stdout.replace('containerd://', '')]));
}

async function deletePod(): Promise<void> {
  await must(world.kubectl(['delete', 'pod', await podOf(world, job), '-n', job.namespace, '--grace-period=0', '--force']));
}

/** `<revision> <status>` of what Helm keeps, oldest first. */
async function revisions(): Promise<string[]> {
  const { stdout } = await must(world.helm(4, ['history', name, '-n', name, '-o', 'json']).then(emptyForNone));
  return JSON.parse(stdout).map(({ revision, status }: { revision: number; status: string }) => `${revision} ${status}`);
}

function emptyForNone<T extends { code: number; stderr: string; stdout: string }>(result: T): T {
  return /release: not found/.test(result.stderr) ? { ...result, code: 0, stdout: '[]' } : result;
}

async function recovered(): Promise<boolean> {
  return await logged('recover');
}

async function logged(event: string): Promise<boolean> {
  const { stdout } = await world.kubectl(['logs', await podOf(world, job), '-n', job.namespace]);
  return stdout.includes(`"event":"${event}"`);
}

/** Uploads that a Job before left unfinished are none of this one's. */
let leftUploads: readonly string[] = [];

async function bytesArriving(): Promise<boolean> {
  const files = uploads().filter((file) => !leftUploads.includes(file));
  const sizes = files.map(
    async (file) => (await stat(join(world.registryInside.dataDir, file)).catch(() => undefined))?.size ?? 0,
  );
  return (await Promise.all(sizes)).some((size) => size > 0);
}

function uploads(): readonly string[] {
  return globSync(`docker/registry/v2/repositories/${name}/**/_uploads/*/data`, { cwd: world.registryInside.dataDir });
}

/** The process, as seen from outside, that has this file among its arguments. */
async function processOf(file: string): Promise<number> {
  for (const entry of globSync('/proc/[0-9]*/cmdline')) {
    const args = (await readFile(entry, 'utf8').catch(() => '')).split('\0');
    if (args.includes(file) && args[0]?.endsWith('registry')) return Number(entry.split('/')[2]);
  }
  throw new Error(`no process runs with ${file}`);
}

async function unpackInstaller(): Promise<void> {
  const folder = join(world.state.carryDir, name);
  await must(world.exec(['sh', '-ec', `mkdir -p ${folder} && tar xf ${job.bundle.tar} -C ${folder} install/installer.tar`]));
  await ctrImport(world, join(folder, 'install/installer.tar'));
}
