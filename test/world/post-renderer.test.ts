import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildBundle, preloadInstaller, readLockFile } from './bundles.ts';
import { jobLog, must, startJob, verdictOf } from './installer-job.ts';
import { connectWorld } from './world.ts';

const world = await connectWorld();
await preloadInstaller(world);
const name = 'obstinate';

test('a chart whose images and pods no value reaches installs behind the gap, without a line in the spec', async () => {
  const bundle = await buildBundle(world, { name, charts: [name], installer: 'none' });
  const classes = (await readLockFile(bundle)).images.map((image) => [image.reference, image.class]);
  assert.deepEqual(classes, [
    ['docker.io/library/busybox:1.35', 'used'],
    ['docker.io/library/busybox:1.36', 'hard-coded'],
  ]);

  const job = await startJob(world, bundle, { jobNamespace: `${name}-job` });
  const { condition, message } = await verdictOf(world, job);
  assert.equal(condition, 'Complete', message);
  assert.match(message, /rewritten after rendering, as no value of the chart does it: .*busybox:1\.36/);
  assert.match(await jobLog(world, job), /"pullSecretAdded":\[\{"kind":"Job","name":"prepare"|"name":"worker"/);

  const local = (tag: string): string => `${world.registryInside.host}/${name}/docker.io/library/busybox:${tag}`;
  const path = 'jsonpath={.spec.template.spec.containers[0].image} {.spec.template.spec.imagePullSecrets[*].name}';
  for (const [object, tag] of [
    ['deployment/web', '1.35'],
    ['deployment/worker', '1.36'],
    ['job/prepare', '1.36'],
  ] as const) {
    assert.equal(await read(object, path), `${local(tag)} bundle-registry`, object);
  }
  assert.equal(await read('deployment/worker', 'jsonpath={..env[0].value}'), local('1.35'));
  const payload = `timeout: 1.50 # seconds\nrunner: { image: "${local('1.36')}" }\n`;
  assert.equal(await read('configmap/runners', 'jsonpath={.data.config\\.yaml}'), payload);
  assert.equal(await read('deployment/worker', 'jsonpath={.status.readyReplicas}'), '1');
});

async function read(object: string, path: string): Promise<string> {
  return (await must(world.kubectl(['get', object, '-n', name, '-o', path]))).stdout;
}
