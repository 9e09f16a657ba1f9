import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { dockerConfig } from './registry.ts';
import type { World } from './world.ts';

/** Makes a Kubernetes namespace for one test and deletes it afterwards, without waiting. Returns its name. */
export async function testNamespace(
  t: TestContext,
  world: World,
  labels: Readonly<Record<string, string>> = {},
): Promise<string> {
  const name = `t-${randomBytes(4).toString('hex')}`;
  await apply(world, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  t.after(() => world.kubectl(['delete', 'namespace', name, '--wait=false']));
  return name;
}

/** Makes the Secret that lets pods of a namespace pull from the registry inside. Returns its name. */
export async function pullSecret(world: World, namespace: string, name = 'registry-gap'): Promise<string> {
  const config = dockerConfig(world.registryInside.host, world.registryInside);
  const data = { '.dockerconfigjson': Buffer.from(config).toString('base64') };
  await apply(world, {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/dockerconfigjson',
    metadata: { name, namespace },
    data,
  });
  return name;
}

/** `kubectl apply` of one or more objects. Throws with kubectl's words. */
export async function apply(world: World, ...objects: readonly object[]): Promise<void> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const { code, stderr } = await world.kubectl(['apply', '-f', '-'], { input });
  if (code !== 0) throw new Error(`kubectl apply: ${stderr}`);
}
