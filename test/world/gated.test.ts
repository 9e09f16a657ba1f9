import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';
import { buildBundle, preloadInstaller, publishAs, readLockFile } from './bundles.ts';
import { must, startJob, verdictOf } from './installer-job.ts';
import { connectWorld } from './world.ts';

const world = await connectWorld();
await Promise.all([preloadInstaller(world), publishAs(world, 'docker.io/library/report:7')]);
await publishAs(world, 'docker.io/library/notebook:5.5.0');
const host = world.registryInside.host;

describe('images that no pod names as deployed', { concurrency: 2 }, () => {
  describe('a site that switches on what no scan profile showed', { concurrency: 1 }, switchedOn);
  test(
    'one that stands in a base64 Secret alone is carried, and the Secret behind the gap names the registry there',
    insideSecret,
  );
});

function switchedOn(): void {
  const plan = { name: 'switch', charts: ['fragile'], installer: 'none' } as const;
  const site = { jobNamespace: 'switch-job', values: { report: { enabled: true } } };
  let scan: object = {};

  test('is refused before the install, with the scan profile to add', async () => {
    const bundle = await buildBundle(world, plan);
    const { gated, images } = await readLockFile(bundle);
    assert.deepEqual(gated, [{ release: 'switch', reference: 'docker.io/library/report:7', gates: ['report.enabled=true'] }]);
    assert.deepEqual(
      images.map(({ reference }) => reference),
      ['docker.io/library/busybox:1.35'],
    );
    const { condition, message } = await verdictOf(world, await startJob(world, bundle, site));
    assert.equal(condition, 'Failed', message);
    assert.match(message, /^FAILED .*phase=rewrite .*docker\.io\/library\/report:7 is needed here .*\[IMAGE_NOT_IN_BUNDLE\]$/m);
    const line = /^fix: add to release switch in bundle\.yaml: (scan: .*); then build again$/m.exec(message)?.[1];
    assert.ok(line !== undefined, message);
    scan = parseYaml11(line, 'the line to add')[0] as object;
    assert.equal((await must(world.kubectl(['get', 'secrets', '-l', 'owner=helm', '-n', 'switch', '-o', 'name']))).stdout, '');
  });

  test('installs with the bundle that is built with just that profile', async () => {
    const bundle = await buildBundle(world, { ...plan, version: '1.1.0', ...scan });
    const { gated, images } = await readLockFile(bundle);
    assert.deepEqual(gated, []);
    const report = images.find(({ reference }) => reference === 'docker.io/library/report:7');
    assert.deepEqual([report?.class, report?.gates], ['gated', ['profile report', 'report.enabled=true']]);
    const { condition, message } = await verdictOf(world, await startJob(world, bundle, site));
    assert.equal(condition, 'Complete', message);
    const path = 'jsonpath={.spec.jobTemplate.spec.template.spec.containers[0].image}';
    const { stdout } = await must(world.kubectl(['get', 'cronjob', 'switch-report', '-n', 'switch', '-o', path]));
    assert.equal(stdout, `${host}/switch/docker.io/library/report:7`);
  });
}

async function insideSecret(): Promise<void> {
  const bundle = await buildBundle(world, { name: 'hub', charts: ['hub'], installer: 'none' });
  const { images } = await readLockFile(bundle);
  assert.deepEqual(
    images.map(({ reference, class: found }) => `${reference} ${found}`),
    ['docker.io/library/busybox:1.35 used', 'docker.io/library/notebook:5.5.0 used'],
  );
  const { condition, message } = await verdictOf(world, await startJob(world, bundle, { jobNamespace: 'hub-job' }));
  assert.equal(condition, 'Complete', message);
  const get = ['get', 'secret', 'hub-values', '-n', 'hub', '-o', 'jsonpath={.data.values\\.yaml}'];
  const text = Buffer.from((await must(world.kubectl(get))).stdout, 'base64').toString();
  const [values] = parseYaml11(text) as [{ singleuser: { image: { name: string; tag: string }; memory: object } }];
  assert.deepEqual(values.singleuser, {
    image: { name: `${host}/hub/docker.io/library/notebook`, tag: '5.5.0' },
    memory: { limit: '1G' },
  });
  await startNotebook(values.singleuser.image);
}

/** As the hub would: a pod that Helm never sees. */
async function startNotebook({ name, tag }: { readonly name: string; readonly tag: string }): Promise<void> {
  const container = { name: 'notebook', image: `${name}:${tag}`, command: ['true'] };
  const spec = { restartPolicy: 'Never', containers: [container], imagePullSecrets: [{ name: 'bundle-registry' }] };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'notebook', namespace: 'hub' }, spec };
  await must(world.kubectl(['apply', '-f', '-'], { input: JSON.stringify(pod) }));
  const phase = '--for=jsonpath={.status.phase}=Succeeded';
  await must(world.kubectl(['wait', 'pod/notebook', '-n', 'hub', phase, '--timeout=60s']));
}
