import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterEvent, ContainerStatus, Pod } from '../../cluster/objects.ts';
import { creationSymptoms, jobSymptoms, podSymptoms } from '../../cluster/pod-symptoms.ts';
import { bySeverity, type Symptom } from '../../cluster/symptom.ts';
import { isOfNewestRevision, type Workload, workloadOfPod, workloadsOf } from '../../cluster/workloads.ts';

const web: Workload = { kind: 'Deployment', namespace: 'shop', name: 'web' };
const hook: Workload = { kind: 'Job', namespace: 'shop', name: 'migrate', hook: 'pre-install' };

const podWith = (status: Partial<ContainerStatus>, rest: object = {}): Pod => ({
  metadata: { name: 'web-1', uid: 'u1' },
  spec: { containers: [{ name: 'main', image: 'registry.internal/web:1' }] },
  status: { phase: 'Pending', containerStatuses: [{ name: 'main', ready: false, restartCount: 0, ...status }], ...rest },
});
const waiting = (reason: string, message?: string) => ({ state: { waiting: { reason, ...(message && { message }) } } });
const warning = (reason: string, message: string): ClusterEvent => ({
  metadata: { name: 'e' },
  type: 'Warning',
  reason,
  message,
  involvedObject: { kind: 'Pod', name: 'web-1' },
});

const cases: readonly { readonly name: string; readonly pod: Pod; readonly events?: ClusterEvent[]; readonly found: string[] }[] =
  [
    {
      name: 'a pull that is refused',
      pod: podWith(waiting('ErrImagePull', '401')),
      found: ['image-pull: cannot pull registry.internal/web:1: ErrImagePull'],
    },
    {
      name: 'a pull that is waited for',
      pod: podWith(waiting('ImagePullBackOff')),
      found: ['image-pull: cannot pull registry.internal/web:1: ImagePullBackOff'],
    },
    {
      name: 'a Secret that is missing',
      pod: podWith(waiting('CreateContainerConfigError', 'secret "x" not found')),
      found: ['container-config: container main: secret "x" not found'],
    },
    {
      name: 'a container that is being made',
      pod: podWith(waiting('ContainerCreating')),
      found: ['not-ready: its pod is Pending'],
    },
    {
      name: 'a first crash',
      pod: podWith({ state: { terminated: { exitCode: 3, reason: 'Error' } } }),
      found: ['crashed: container main ended with exit code 3'],
    },
    {
      name: 'too little memory',
      pod: podWith({
        ...waiting('CrashLoopBackOff'),
        restartCount: 1,
        lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
      }),
      found: ['crashed: container main ended with exit code 137 (OOMKilled), 1 restart'],
    },
    {
      name: 'the third restart',
      pod: podWith({ ...waiting('CrashLoopBackOff'), restartCount: 3, lastState: { terminated: { exitCode: 1 } } }),
      found: ['crash-loop: container main ended with exit code 1, 3 restarts'],
    },
    {
      name: 'a container that crashed and is ready again',
      pod: podWith(
        { ready: true, restartCount: 5, state: { running: {} }, lastState: { terminated: { exitCode: 1 } } },
        { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
      ),
      found: [],
    },
    {
      name: 'no node',
      pod: {
        ...podWith({}),
        status: {
          phase: 'Pending',
          conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes' }],
        },
      },
      found: ['unschedulable: no node takes its pod: 0/1 nodes'],
    },
    {
      name: 'a volume that cannot be mounted',
      pod: podWith(waiting('ContainerCreating')),
      events: [warning('FailedMount', 'configmap "x" not found')],
      found: ['volume: a volume cannot be mounted: configmap "x" not found'],
    },
    {
      name: 'a probe that fails',
      pod: podWith({ state: { running: {} } }, { phase: 'Running' }),
      events: [warning('Unhealthy', 'Readiness probe failed: 503')],
      found: ['not-ready: its pod runs but is not ready: Readiness probe failed: 503'],
    },
    {
      name: 'a pod that has ended well',
      pod: podWith({ state: { terminated: { exitCode: 0 } } }, { phase: 'Succeeded' }),
      found: [],
    },
    {
      name: 'a pod that is being deleted',
      pod: { ...podWith(waiting('ErrImagePull')), metadata: { name: 'web-1', deletionTimestamp: 'now' } },
      found: [],
    },
    {
      name: 'an eviction',
      pod: { ...podWith({}), status: { phase: 'Failed', reason: 'Evicted', message: 'low on memory' } },
      found: ['crashed: its pod failed: low on memory'],
    },
  ];
for (const { name, pod, events = [], found } of cases) {
  test(`${name}: ${found.join() || 'nothing is wrong'}`, () => {
    assert.deepEqual(
      podSymptoms(pod, web, events).map(({ kind, summary }) => `${kind}: ${summary}`),
      found,
    );
  });
}

test('a Job that has given up is a failed hook or a failed Job', () => {
  const job = {
    metadata: { name: 'migrate', uid: 'j' },
    status: { conditions: [{ type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded' }] },
  };
  assert.deepEqual(
    jobSymptoms(job, hook).map(({ kind, summary, final }) => [kind, summary, final]),
    [['hook-failed', 'failed: BackoffLimitExceeded', true]],
  );
  const { hook: _, ...plain } = hook;
  assert.deepEqual(
    jobSymptoms(job, plain).map(({ kind }) => kind),
    ['job-failed'],
  );
  assert.deepEqual(jobSymptoms({ metadata: { name: 'migrate' } }, hook), []);
});

test('pods that the API refuses are told in its words, without the counter’s prefix', () => {
  const event = warning(
    'FailedCreate',
    '(combined from similar events): Error creating: pods "x" is forbidden: exceeded quota: q',
  );
  assert.equal(creationSymptoms(web, [event])[0]?.summary, 'its pods are refused: pods "x" is forbidden: exceeded quota: q');
});

test('what is of this install comes before what was wrong already, the worse first', () => {
  const symptom = (kind: Symptom['kind'], stale: boolean): Symptom => ({
    kind,
    stale,
    workload: web,
    key: kind,
    summary: kind,
    details: [],
  });
  const sorted = [symptom('image-pull', true), symptom('not-ready', false), symptom('crashed', false)].sort(bySeverity);
  assert.deepEqual(
    sorted.map(({ kind }) => kind),
    ['crashed', 'not-ready', 'image-pull'],
  );
});

const owned = (kind: string, name: string) => ({ ownerReferences: [{ kind, name, controller: true }] });
const setOf = (name: string, revision: string) => ({
  metadata: { name, annotations: { 'deployment.kubernetes.io/revision': revision }, ...owned('Deployment', 'web') },
});
const sets = [setOf('web-aaa', '1'), setOf('web-bbb', '2')];
const pod = (meta: object): Pod => ({ metadata: { name: 'p', ...meta } });

test('a pod is known by its owners, before its ReplicaSet is seen too', () => {
  assert.equal(workloadOfPod(pod(owned('ReplicaSet', 'web-bbb')), [web, hook], sets), web);
  assert.equal(workloadOfPod(pod(owned('ReplicaSet', 'web-ccc')), [web, hook], []), web);
  assert.equal(workloadOfPod(pod(owned('Job', 'migrate')), [web, hook], sets), hook);
  assert.equal(workloadOfPod(pod(owned('Job', 'other')), [web, hook], sets), undefined);
  assert.equal(workloadOfPod(pod({ name: 'web' }), [web, hook], sets), undefined);
});

test('pods of a ReplicaSet that was replaced are of the version before', () => {
  assert.equal(isOfNewestRevision(pod(owned('ReplicaSet', 'web-aaa')), sets), false);
  assert.equal(isOfNewestRevision(pod(owned('ReplicaSet', 'web-bbb')), sets), true);
  assert.equal(isOfNewestRevision(pod(owned('StatefulSet', 'db')), sets), true);
});

test('workloads are what runs pods in an install: no tests, no delete hooks', () => {
  const object = (kind: string, name: string, hooks?: string) => ({
    template: 't',
    apiVersion: 'v1',
    kind,
    name,
    value: {},
    ...(hooks && { hook: hooks }),
  });
  const objects = [
    object('Deployment', 'a'),
    object('Service', 'b'),
    object('Job', 'c', 'post-upgrade'),
    object('Pod', 'd', 'test'),
    object('Job', 'e', 'pre-delete'),
  ];
  assert.deepEqual(
    workloadsOf(objects, 'shop').map(({ name }) => name),
    ['a', 'c'],
  );
});
