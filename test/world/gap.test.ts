import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busyboxImage, podinfoImage } from './images.ts';
import { apply, pullSecret, testNamespace } from './namespace.ts';
import { connectWorld, type World } from './world.ts';

const world = await connectWorld();

test('a foreign image does not pull, and the reason says why', async (t) => {
  const namespace = await testNamespace(t, world);
  await apply(world, pod(namespace, 'foreign', 'docker.io/library/nginx:1.29'));
  const { message } = await waitingFor(world, namespace, 'foreign', /ErrImagePull|ImagePullBackOff/);
  assert.match(message, /nginx:1\.29/);
  const described = await world.kubectl(['describe', 'pod', 'foreign', '--namespace', namespace]);
  assert.match(described.stdout, /failed to resolve reference.*lookup registry-1\.docker\.io/s);
});

test('an address outside is unreachable, and so is the registry of the connected side', async () => {
  for (const address of ['192.0.2.1:443', world.registryOutside.host]) {
    const [host, port] = address.split(':');
    const connect = `require('node:net').connect(${port}, '${host}').on('connect', () => process.exit(0)).on('error', (e) => { process.stdout.write(e.code); process.exit(1) })`;
    const { code, stdout } = await world.exec([process.execPath, '-e', connect]);
    assert.equal(code, 1);
    assert.match(stdout, /ENETUNREACH|ECONNREFUSED/);
  }
});

test('a pod pulls from the inside registry with the pull secret and not without', async (t) => {
  const namespace = await testNamespace(t, world);
  const image = await world.pushImage('inside', await busyboxImage(), 'pull/busybox:1.35');
  const secret = await pullSecret(world, namespace);
  await apply(world, pod(namespace, 'with', image, secret), pod(namespace, 'without', image));
  const waited = await world.kubectl(['wait', 'pod/with', '--namespace', namespace, '--for=condition=Ready', '--timeout=60s']);
  assert.equal(waited.code, 0, waited.stderr);
  const { message } = await waitingFor(world, namespace, 'without', /ErrImagePull/);
  assert.match(message, /authorization failed|unauthorized|no basic auth/i);
});

test('a pod finds a service by name and the API by its service address', async (t) => {
  const namespace = await testNamespace(t, world);
  const image = await world.pushImage('inside', await podinfoImage(), 'pull/podinfo:6.9.2');
  const secret = await pullSecret(world, namespace);
  const service = { selector: { app: 'server' }, ports: [{ port: 80, targetPort: 9898 }] };
  await apply(
    world,
    pod(namespace, 'server', image, secret),
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace }, spec: service },
    pod(namespace, 'client', image, secret, ['podcli', 'check', 'http', 'web/healthz', '--retry=20', '--delay=500ms']),
    pod(namespace, 'api', image, secret, ['podcli', 'check', 'tcp', 'kubernetes.default.svc:443']),
  );
  const phase = '--for=jsonpath={.status.phase}=Succeeded';
  const wait = ['wait', 'pod/client', 'pod/api', '--namespace', namespace, phase, '--timeout=60s'];
  const waited = await world.kubectl(wait);
  assert.equal(waited.code, 0, `${waited.stderr}${(await world.kubectl(['logs', 'client', '-n', namespace])).stdout}`);
});

function pod(namespace: string, name: string, image: string, secret?: string, command?: readonly string[]): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: name } },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image, ...(command && { command }) }],
      ...(secret && { imagePullSecrets: [{ name: secret }] }),
    },
  };
}

/** Waits until the pod's only container waits for a reason that matches. */
async function waitingFor(world: World, namespace: string, name: string, reason: RegExp): Promise<{ message: string }> {
  const path = 'jsonpath={.status.containerStatuses[0].state.waiting}';
  for (let tries = 0; tries < 100; tries += 1) {
    const { stdout } = await world.kubectl(['get', 'pod', name, '--namespace', namespace, '--output', path]);
    const waiting = JSON.parse(stdout || '{}');
    if (reason.test(waiting.reason)) return waiting;
  }
  throw new Error(`pod ${name} never waited for ${reason}`);
}
