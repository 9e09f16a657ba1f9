/** The client against a small server that misbehaves; what a real API server answers is tested in test/world. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Cluster, openCluster } from '../../cluster/client.ts';

async function clusterAt(t: TestContext, answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Cluster> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const cluster = await openAt(t, (server.address() as AddressInfo).port);
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  return cluster;
}

async function openAt(t: TestContext, port: number): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const kubeconfig = join(folder, 'config');
  const context = { name: 'c', context: { cluster: 'c', user: 'u', namespace: 'shop' } };
  const cluster = { name: 'c', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } };
  const config = {
    'current-context': 'c',
    contexts: [context],
    clusters: [cluster],
    users: [{ name: 'u', user: { token: 'abc' } }],
  };
  await writeFile(kubeconfig, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...config }));
  const opened = await openCluster({ kubeconfig });
  t.after(() => opened.close());
  return opened;
}

const status = (response: ServerResponse, code: number, message: string): void => {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify({ kind: 'Status', message }));
};
const pods = { apiVersion: 'v1', kind: 'Pod', namespace: 'shop' };

test('the namespace and the token of the kubeconfig are used', async (t) => {
  let seen: unknown;
  const cluster = await clusterAt(t, (request, response) => {
    seen = [request.url, request.headers.authorization];
    response.end('{"metadata":{"name":"x"}}');
  });
  await cluster.get(pods, 'x', t);
  assert.equal(cluster.namespace, 'shop');
  assert.deepEqual(seen, ['/api/v1/namespaces/shop/pods/x', 'Bearer abc']);
});

test('what does not exist is undefined', async (t) => {
  const cluster = await clusterAt(t, (_, response) => status(response, 404, 'pods "x" not found'));
  assert.equal(await cluster.get(pods, 'x', t), undefined);
  assert.equal(await cluster.delete(pods, 'x', t), false);
});

test('a refusal of the authorizer is RIGHTS_MISSING, naming verb, resource and namespace', async (t) => {
  const words =
    'pods is forbidden: User "system:serviceaccount:diolkos:d" cannot list resource "pods" in API group "" in the namespace "shop"';
  const cluster = await clusterAt(t, (_, response) => status(response, 403, words));
  await assert.rejects(cluster.list(pods, t), {
    code: 'RIGHTS_MISSING',
    message: 'system:serviceaccount:diolkos:d may not list pods in namespace shop',
  });
});

test('another 403 is CLUSTER_FAILED, in the words of the API', async (t) => {
  const cluster = await clusterAt(t, (_, response) => status(response, 403, 'pods "x" is forbidden: exceeded quota: q'));
  await assert.rejects(cluster.list(pods, t), { code: 'CLUSTER_FAILED', message: /exceeded quota: q/ });
});

test('a refused token is RIGHTS_MISSING', async (t) => {
  const cluster = await clusterAt(t, (_, response) => status(response, 401, 'Unauthorized'));
  await assert.rejects(cluster.list(pods, t), { code: 'RIGHTS_MISSING' });
});

test('an API server that is busy for a moment is asked again', async (t) => {
  let asked = 0;
  const cluster = await clusterAt(t, (request, response) => {
    asked += 1;
    if (asked === 1) return status(response, 503, 'starting');
    if (asked === 2) return void request.socket.destroy();
    response.end('{"items":[],"metadata":{"resourceVersion":"7"}}');
  });
  assert.deepEqual(await cluster.list(pods, t), { items: [], resourceVersion: '7' });
  assert.equal(asked, 3);
});

test('nobody listening is CLUSTER_UNREACHABLE, with the server’s address', async (t) => {
  const cluster = await openAt(t, 1);
  await assert.rejects(cluster.list(pods, { signal: AbortSignal.any([t.signal]) }), {
    code: 'CLUSTER_UNREACHABLE',
    message: 'the Kubernetes API at http://127.0.0.1:1 does not answer: ECONNREFUSED',
  });
});

test('an abort ends a watch with its own reason', async (t) => {
  const cluster = await clusterAt(
    t,
    (_, response) => void response.write('{"type":"ADDED","object":{"metadata":{"name":"ü"}}}\n'),
  );
  const controller = new AbortController();
  const seen: unknown[] = [];
  const watching = (async () => {
    for await (const event of cluster.watch(pods, '1', controller)) {
      seen.push(event);
      controller.abort(new Error('enough'));
    }
  })();
  await assert.rejects(watching);
  assert.deepEqual(seen, [{ type: 'ADDED', object: { metadata: { name: 'ü' } } }]);
});

test('lines of a log come whole, however they were cut on the way', async (t) => {
  const bytes = Buffer.from('first\nzweite Zeile mit ü\nlast');
  const cluster = await clusterAt(t, (_, response) => {
    response.write(bytes.subarray(0, 3));
    setTimeout(() => response.write(bytes.subarray(3, 25)), 10);
    setTimeout(() => response.end(bytes.subarray(25)), 20);
  });
  const lines: string[] = [];
  for await (const line of cluster.logs('shop', 'p', 'c', t)) lines.push(line);
  assert.deepEqual(lines, ['first', 'zweite Zeile mit ü', 'last']);
});
