import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { RegistryClientV2 } from 'oci-registry-client';
import { openRegistry, type Registry } from '../../images/registry/registry.ts';
import { below } from '../registries/below.ts';
import { complaint, reply, sendReply } from '../registries/reply.ts';
import { held, noise, pushSample, type SampleImage, sampleImage, sampleIndex } from '../registries/sample-images.ts';
import { type RunningRegistry, registryKinds, startRegistry, testUser } from '../registries/start-registry.ts';
import { matches, script, seedBlob, startMemoryClient } from './memory-client.ts';

/** Another client than ours, written by others from the same specification. */
function peerOf(
  { host, user, prefix = '' }: Pick<RunningRegistry, 'host' | 'user'> & { prefix?: string },
  repository: string,
): RegistryClientV2 {
  return new RegistryClientV2({
    name: `http://${host}/${prefix}${repository}`,
    acceptOCIManifests: true,
    acceptManifestLists: true,
    ...user,
  });
}

async function start(
  kind: (typeof registryKinds)[number],
  t: TestContext,
): Promise<{ running: RunningRegistry; registry: Registry }> {
  const running = await startRegistry(kind, t, { users: kind !== 'crane' });
  const { host, user } = running;
  const credentials = async () => user && { from: 'the test', ...user };
  const registry = openRegistry({ host, plainHttp: true, credentials });
  t.after(() => registry.close());
  return { running, registry: below(running.prefix, registry) };
}

const images: readonly [name: string, image: () => SampleImage][] = [
  ['an OCI index', () => sampleIndex(['linux/amd64', 'linux/arm64'], { layers: [1000, 300_000] })],
  ['a Docker manifest', () => sampleImage({ docker: true })],
];
for (const kind of registryKinds) {
  for (const [name, make] of images) {
    test(`${kind}: oci-registry-client reads what we pushed: ${name}`, async (t) => {
      const { running, registry } = await start(kind, t);
      const image = make();
      await pushSample(registry, 'shop/api', '1', image, t);
      const peer = peerOf(running, 'shop/api');
      assert.deepEqual((await peer.listTags()).tags, ['1']);
      for (const { descriptor, bytes } of image.manifests) {
        const { resp } = await peer.getManifest({ ref: descriptor === image.root.descriptor ? '1' : descriptor.digest });
        assert.deepEqual(Buffer.from(await resp.dockerBody()), bytes);
      }
      for (const { descriptor, bytes } of image.blobs) {
        const { stream } = await peer.createBlobReadStream({ digest: descriptor.digest });
        assert.deepEqual(await buffer(stream), bytes);
      }
    });

    test(`${kind}: we read what oci-registry-client pushed: ${name}`, async (t) => {
      const { running, registry } = await start(kind, t);
      const image = make();
      const peer = peerOf(running, 'shop/api');
      for (const { descriptor, bytes } of image.blobs) {
        await peer.blobUpload({ digest: descriptor.digest, contentLength: bytes.length, stream: Readable.from([bytes]) });
      }
      for (const { descriptor, bytes } of image.manifests) {
        const ref = descriptor === image.root.descriptor ? '1' : descriptor.digest;
        await peer.putManifest({ manifestData: bytes, mediaType: descriptor.mediaType, ref });
      }
      assert.deepEqual(await registry.fetchManifest('shop/api', '1', t), image.root);
      for (const { descriptor, bytes } of image.blobs)
        assert.deepEqual(await registry.fetchBlob('shop/api', descriptor, t), bytes);
    });
  }
}

// What docs/decisions/0001-our-own-registry-client.md says of it, seen on the wire.

const blob = held('application/octet-stream', noise('peer', 200_000));

test('oci-registry-client takes a blob with a flipped bit for the one it asked for', async (t) => {
  const flipped = Buffer.from(blob.bytes);
  flipped[9] = (flipped[9] ?? 0) ^ 1;
  const wrong = reply(200, { 'docker-content-digest': blob.descriptor.digest }, flipped);
  const { memory, registry } = await startMemoryClient(t, { intercept: script('GET', /blobs/, [wrong, wrong]) });
  const { stream } = await peerOf(memory, 'a').createBlobReadStream({ digest: blob.descriptor.digest });
  assert.deepEqual(await buffer(stream), flipped);
  await assert.rejects(registry.fetchBlob('a', blob.descriptor, t), { code: 'DIGEST_MISMATCH' });
});

test('oci-registry-client does not outlive its token', async (t) => {
  const { memory, registry } = await startMemoryClient(t, { user: testUser, scheme: 'bearer' });
  seedBlob(memory, 'a', blob);
  const peer = peerOf({ host: memory.host, user: testUser }, 'a');
  const peersBlob = async () => buffer((await peer.createBlobReadStream({ digest: blob.descriptor.digest })).stream);
  assert.deepEqual(await peersBlob(), blob.bytes);
  assert.deepEqual(await registry.fetchBlob('a', blob.descriptor, t), blob.bytes);
  memory.auth.expireTokens();
  await assert.rejects(peersBlob(), /401|unauthorized|authentication/i);
  assert.deepEqual(await registry.fetchBlob('a', blob.descriptor, t), blob.bytes);
});

test('oci-registry-client prints the reply of a token server that says access_token, with the token in it', async (t) => {
  const printed = t.mock.method(console, 'error', () => undefined);
  const { memory } = await startMemoryClient(t, {
    intercept: (request, response) => {
      const challenge = { 'www-authenticate': `Bearer realm="http://${request.headers.host}/auth",service="s"` };
      const isToken = matches(request, 'GET', /^\/auth/);
      sendReply(
        request,
        response,
        isToken
          ? reply(200, { 'content-type': 'application/json' }, '{"access_token":"s3cret"}')
          : complaint(401, 'UNAUTHORIZED', '', challenge),
      );
      return true;
    },
  });
  await assert.rejects(peerOf(memory, 'a').getManifest({ ref: '1' }), /did not include a token/);
  assert.match(JSON.stringify(printed.mock.calls.map((call) => call.arguments)), /s3cret/);
});
