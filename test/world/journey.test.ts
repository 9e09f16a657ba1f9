import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildBundle, readLockFile, type TestBundle } from './bundles.ts';
import { type InstallerJob, jobLog, must, until, type Verdict, verdictOf } from './installer-job.ts';
import { carryToNode, editSite, type ReadmeInstall } from './readme-install.ts';
import { connectWorld } from './world.ts';

const world = await connectWorld();
const namespace = 'umbrella';
const charts = ['umbrella'] as const;

describe('an umbrella chart with two hooks and the real chart of podinfo', async () => {
  const first = await buildBundle(world, { name: namespace, charts });
  const job = { bundle: first, namespace: 'diolkos' };
  let node: ReadmeInstall;

  test('goes over the gap by the commands of install/README.md alone', async () => {
    node = await carryToNode(world, first);
    await node.type(/^1\. The bundle/);
    await node.type(/^2\. The node/);
    await editSite(world, node);
    await node.type(/^4\. Install/);
    const verdict = await verdictOf(world, job);
    assertOk(verdict, /^OK umbrella 1\.0\.0: 1 release deployed, 3 images \(\d pushed, \d present\) in \d+s$/);
    assert.match(verdict.message, /^state: umbrella is deployed in umbrella at revision 1$/m);
    assert.equal(await hookLog('umbrella-prepare'), 'prepared for 1.0.0\n');
  });

  test('runs the images of the lock, all of them from the registry behind the gap', () => assertRunsTheLock(first));

  test('ran its Job where the restricted standard is enforced', async () => {
    const labels = ['get', 'namespace', 'diolkos', '-o', 'jsonpath={.metadata.labels.pod-security\\.kubernetes\\.io/enforce}'];
    assert.equal((await must(world.kubectl(labels))).stdout, 'restricted');
  });

  test('run again, pushes nothing and adds a revision', async () => {
    const before = uploads(await world.registryLog('inside'));
    await node.type(/^Run again/);
    const verdict = await verdictOf(world, job);
    assertOk(verdict, /3 images \(0 pushed, 3 present\)/);
    assert.match(verdict.message, /at revision 2$/m);
    assert.equal(eventOf(await jobLog(world, job), 'pushed')?.bytesPushed, 0);
    assert.deepEqual(uploads(await world.registryLog('inside')).slice(before.length), []);
    assert.deepEqual(await history(), ['1 superseded umbrella-1.0.0', '2 deployed umbrella-1.0.0']);
  });

  test('is upgraded by the next bundle, whose other blobs are there already', async () => {
    const values = { image: { tag: '1.36' }, podinfo: { ui: { message: 'the second crossing' } } };
    const second = await buildBundle(world, { name: namespace, version: '1.1.0', charts, values });
    const next = await carryToNode(world, second);
    await next.type(/^1\. The bundle/);
    await editSite(world, next);
    await next.type(/^4\. Install/);
    const nextJob: InstallerJob = { bundle: second, namespace: 'diolkos' };
    assertOk(await verdictOf(world, nextJob), /^OK umbrella 1\.1\.0: 1 release deployed, 3 images \(1 pushed, 2 present\)/);
    assert.deepEqual((await history()).slice(-2), ['2 superseded umbrella-1.0.0', '3 deployed umbrella-1.1.0']);
    assert.equal(await hookLog('umbrella-announce'), 'now at 1.1.0\n');
    await assertRunsTheLock(second);
  });
});

function assertOk({ condition, message, described, report }: Verdict, verdict: RegExp): void {
  const [first = ''] = message.split('\n');
  assert.equal(condition, 'Complete', message);
  assert.match(first, verdict);
  assert.doesNotMatch(message, /^why:/m, 'nothing strange runs');
  assert.ok(described.includes(first), described);
  assert.equal(report.split('\n')[0], first);
}

/** Every container that runs: its image is of the registry inside, its id one of the digests that the lock has for the image. */
async function assertRunsTheLock(bundle: TestBundle): Promise<void> {
  const lock = await readLockFile(bundle);
  const containers = await until('pods of one revision', async () => {
    const pods = JSON.parse((await must(world.kubectl(['get', 'pods', '-n', namespace, '-o', 'json']))).stdout).items as Pod[];
    const running = pods.filter(({ status }) => status.phase === 'Running');
    return running.length === 2 && running.every(({ metadata }) => !metadata.deletionTimestamp)
      ? running.flatMap(containersOf)
      : undefined;
  });
  assert.equal(containers.length, 3);
  const host = `${world.registryInside.host}/`;
  for (const { image, imageID } of containers) {
    assert.ok(image.startsWith(host), image);
    const locked = lock.images.find(({ reference }) => reference === image.slice(host.length));
    assert.ok(locked, `${image} is not in the lock`);
    assert.ok([locked.digest, locked.source].includes(imageID.replace(/^.*@/, '') as typeof locked.digest), imageID);
    assert.ok(imageID.startsWith(host), imageID);
  }
}

interface Pod {
  readonly metadata: { readonly deletionTimestamp?: string };
  readonly spec: Readonly<Record<'containers' | 'initContainers', { name: string; image: string }[] | undefined>>;
  readonly status: { readonly phase: string } & Readonly<
    Record<'containerStatuses' | 'initContainerStatuses', { name: string; imageID: string }[] | undefined>
  >;
}

function containersOf({ spec, status }: Pod): { image: string; imageID: string }[] {
  const statuses = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return [...(spec.initContainers ?? []), ...(spec.containers ?? [])].map(({ name, image }) => {
    return { image, imageID: statuses.find((container) => container.name === name)?.imageID ?? '' };
  });
}

/** `<revision> <status> <chart>`, oldest first. */
async function history(): Promise<string[]> {
  const { stdout } = await must(world.helm(4, ['history', namespace, '-n', namespace, '-o', 'json']));
  const revisions: { revision: number; status: string; chart: string }[] = JSON.parse(stdout);
  return revisions.map(({ revision, status, chart }) => `${revision} ${status} ${chart}`);
}

async function hookLog(name: string): Promise<string> {
  return (await must(world.kubectl(['logs', `job/${name}`, '-n', namespace]))).stdout;
}

/** Requests that carry bytes of a blob: the preflight opens an upload and cancels it, which is none of them. */
function uploads(log: string): string[] {
  return log.split('\n').filter((line) => /"(PUT|PATCH) \/v2\/\S+\/blobs\/uploads\//.test(line));
}

function eventOf(log: string, type: string): Record<string, unknown> | undefined {
  const lines = log.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line)).find(({ event }) => event === type);
}
