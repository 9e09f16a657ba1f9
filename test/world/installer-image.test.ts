import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { test } from 'node:test';
import { installerImage } from './installer-image.ts';
import { apply, pullSecret, testNamespace } from './namespace.ts';
import { connectWorld } from './world.ts';

const world = await connectWorld();
const image = await installerImage();

test('the installer image is smaller than 120 MB', async () => {
  const { size } = await stat(image.archive);
  assert.ok(size < 120_000_000, `${size} bytes`);
});

test('the installer image runs helm, node and the command line where the restricted standard is enforced', async (t) => {
  const namespace = await testNamespace(t, world, { 'pod-security.kubernetes.io/enforce': 'restricted' });
  const secret = await pullSecret(world, namespace);
  const reference = await pushCopy('diolkos/installer:test');
  const programs = {
    helm: { command: ['helm', 'version'], says: /v4\.2\.4/ },
    node: { args: ['--print', 'process.getuid()'], says: /^65532$/m },
    diolkos: { command: ['diolkos', '--help'], says: /Usage: diolkos/ },
  };
  const pods = Object.entries(programs).map(([name, { says: _, ...program }]) => {
    return restrictedPod(namespace, name, { image: reference, ...program }, secret);
  });
  await apply(world, ...pods);
  for (const [name, { says }] of Object.entries(programs)) {
    const phase = '--for=jsonpath={.status.phase}=Succeeded';
    const waited = await world.kubectl(['wait', `pod/${name}`, '--namespace', namespace, phase, '--timeout=60s']);
    const { stdout } = await world.kubectl(['logs', name, '--namespace', namespace]);
    assert.equal(waited.code, 0, `${name}: ${waited.stderr}${stdout}`);
    assert.match(stdout, says);
  }
});

/**
 * The image with a label, so with an id of its own: one that the kubelet once pulled with a secret it gives to no pod without it, even
 * when people import the same image by hand, as other tests here do.
 */
async function pushCopy(name: string): Promise<string> {
  const reference = await world.pushImage('inside', image, name);
  const { code, stderr } = await world.crane('inside', ['mutate', reference, '--label', 'copy=pulled', '--tag', reference]);
  assert.equal(code, 0, stderr);
  return reference;
}

function restrictedPod(namespace: string, name: string, container: object, secret: string): object {
  const securityContext = {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  };
  const main = { name: 'main', ...container, securityContext, volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }] };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      restartPolicy: 'Never',
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [main],
      volumes: [{ name: 'tmp', emptyDir: {} }],
      imagePullSecrets: [{ name: secret }],
    },
  };
}
