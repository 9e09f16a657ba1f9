/** What the cluster shows of a workload that cannot work, and how soon it is seen, on a real Kubernetes. */
import assert from 'node:assert/strict';
import { after, describe, type TestContext, test } from 'node:test';
import { openCluster } from '../../cluster/client.ts';
import { defaultPatience, type Symptom } from '../../cluster/symptom.ts';
import { type ReleaseWatch, watchRelease } from '../../cluster/watch-release.ts';
import type { Workload } from '../../cluster/workloads.ts';
import { busyboxImage } from './images.ts';
import { apply, pullSecret, testNamespace } from './namespace.ts';
import { connectWorld } from './world.ts';

const world = await connectWorld();
const cluster = await openCluster({ kubeconfig: world.state.kubeconfig, socketPath: world.state.apiSocket });
after(() => cluster.close());
const image = await world.pushImage('inside', await busyboxImage(), 'watch/busybox:1');

interface Watching {
  readonly watch: ReleaseWatch;
  /** What was given up for. */
  readonly hopeless: Promise<Symptom>;
}

async function watching(t: TestContext, workload: Workload): Promise<Watching> {
  const hopeless = Promise.withResolvers<Symptom>();
  const { signal } = t;
  // Nobody adds a node here, so nobody is waited for.
  const patience = { ...defaultPatience, unschedulable: 3_000 };
  const watch = await watchRelease(cluster, {
    namespace: workload.namespace,
    workloads: [workload],
    signal,
    onHopeless: hopeless.resolve,
    patience,
  });
  return { watch, hopeless: hopeless.promise };
}

const deployment = (namespace: string, container: object, pullSecretName: string): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: podSpec(container, pullSecretName) },
  },
});
const hookJob = (namespace: string, container: object, pullSecretName: string): object => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'migrate', namespace },
  spec: { backoffLimit: 0, template: { spec: { restartPolicy: 'Never', ...podSpec(container, pullSecretName) } } },
});
const podSpec = (container: object, pullSecretName: string): object => ({
  terminationGracePeriodSeconds: 0,
  imagePullSecrets: [{ name: pullSecretName }],
  containers: [{ name: 'main', image, command: ['sleep', '1000'], ...container }],
});

const missingSecret = { valueFrom: { secretKeyRef: { name: 'absent', key: 'k' } } };
const hopelessCases = [
  {
    name: 'a foreign image',
    container: { image: 'docker.io/library/nginx:1.29' },
    kind: 'image-pull',
    says: /nginx:1\.29/,
    log: undefined,
  },
  {
    name: 'a missing Secret',
    container: { env: [{ name: 'A', ...missingSecret }] },
    kind: 'container-config',
    says: /"absent" not found/,
    log: undefined,
  },
  {
    name: 'a crash',
    container: { command: ['sh', '-c', 'echo cannot bind; exit 4'] },
    kind: 'crash-loop',
    says: /exit code 4/,
    log: 'cannot bind',
  },
  {
    name: 'more memory than there is',
    container: { resources: { requests: { memory: '900Gi' } } },
    kind: 'unschedulable',
    says: /Insufficient memory/,
    log: undefined,
  },
];
// Each in a namespace of its own, all at once: most of the time is waiting.
describe('watching a release', { concurrency: true }, () => {
  for (const { name, container, kind, says, log } of hopelessCases) {
    test(`${name} is given up as ${kind}, with the reason`, { timeout: 180_000 }, async (t) => {
      const namespace = await testNamespace(t, world);
      const { watch, hopeless } = await watching(t, { kind: 'Deployment', namespace, name: 'web' });
      await apply(world, deployment(namespace, container, await pullSecret(world, namespace)));
      const symptom = await hopeless;
      const evidence = await watch.finish();
      assert.equal(symptom.kind, kind);
      assert.match(symptom.summary + symptom.details.join(), says);
      assert.equal(evidence.logOf(symptom)?.lines.at(-1), log);
    });
  }

  test('pods that the Pod Security level refuses are told, though there is no pod', { timeout: 120_000 }, async (t) => {
    const namespace = await testNamespace(t, world, { 'pod-security.kubernetes.io/enforce': 'restricted' });
    const { watch, hopeless } = await watching(t, { kind: 'Deployment', namespace, name: 'web' });
    await apply(world, deployment(namespace, {}, 'none'));
    const symptom = await hopeless;
    await watch.finish();
    assert.equal(symptom.kind, 'not-created');
    assert.match(symptom.summary, /violates PodSecurity "restricted:latest"/);
  });

  test('a hook that fails and is deleted at once leaves its exit code and its log', { timeout: 120_000 }, async (t) => {
    const namespace = await testNamespace(t, world);
    const workload: Workload = { kind: 'Job', namespace, name: 'migrate', hook: 'pre-install' };
    const { watch } = await watching(t, workload);
    const container = { command: ['sh', '-c', 'echo connecting; sleep 1; echo bad password; exit 3'] };
    await apply(world, hookJob(namespace, container, await pullSecret(world, namespace)));
    await world.kubectl(['wait', 'job/migrate', '--namespace', namespace, '--for=condition=Failed', '--timeout=90s']);
    await world.kubectl(['delete', 'job/migrate', '--namespace', namespace, '--cascade=foreground']);
    const { symptoms, logOf } = await watch.finish();
    assert.deepEqual(
      symptoms.map(({ kind }) => kind),
      ['hook-failed', 'crashed'],
    );
    assert.match(symptoms[1]?.summary ?? '', /exit code 3/);
    for (const symptom of symptoms) assert.deepEqual(logOf(symptom)?.lines, ['connecting', 'bad password']);
  });

  test('a container that is ready for a moment and crashes is seen after helm has called it a success', {
    timeout: 180_000,
  }, async (t) => {
    const namespace = await testNamespace(t, world);
    const { watch } = await watching(t, { kind: 'Deployment', namespace, name: 'web' });
    const container = { command: ['sh', '-c', 'sleep 1; exit 1'] };
    await apply(world, deployment(namespace, container, await pullSecret(world, namespace)));
    await world.kubectl(['rollout', 'status', 'deployment/web', '--namespace', namespace, '--timeout=90s']);
    const crash = await watch.settle();
    await watch.finish();
    assert.equal(crash?.kind, 'crash-loop');
  });

  test('a workload that works shows nothing, and settles at once', { timeout: 120_000 }, async (t) => {
    const namespace = await testNamespace(t, world);
    const { watch } = await watching(t, { kind: 'Deployment', namespace, name: 'web' });
    await apply(world, deployment(namespace, {}, await pullSecret(world, namespace)));
    await world.kubectl(['rollout', 'status', 'deployment/web', '--namespace', namespace, '--timeout=90s']);
    assert.equal(await watch.settle(), undefined);
    assert.deepEqual((await watch.finish()).symptoms, []);
  });
});
