import assert from 'node:assert/strict';
import { startMemoryRegistry } from '../../registries/memory-registry.ts';
import { redirecting } from '../../registries/quirks/locations.ts';
import * as odd from '../../registries/quirks/manifests.ts';
import { breaksOff, endless } from '../../registries/quirks/pulls.ts';
import { type Quirk, together } from '../../registries/quirks/quirk.ts';
import { complaint, reply } from '../../registries/reply.ts';
import {
  heldJson,
  pushSample,
  type SampleImage,
  sampleArtifact,
  sampleImage,
  sampleIndex,
} from '../../registries/sample-images.ts';
import type { MemoryClient } from '../memory-client.ts';
import type { QuirkCase } from './quirk-case.ts';

const by = (make: () => Quirk) => () => ({ intercept: make() });
const both = sampleIndex(['linux/amd64', 'linux/arm64'], { seed: 'manifests' });
const dockers = sampleIndex(['linux/amd64', 'linux/arm64'], { seed: 'manifests', docker: true });
const manifests = /\/manifests\//;

/** Puts an image there without asking the registry. */
function seed({ memory: { store } }: MemoryClient, image: SampleImage, tag = '1'): void {
  for (const { bytes } of image.blobs) store.putBlob('a', bytes);
  for (const { descriptor, bytes } of image.manifests) {
    store.putManifest('a', descriptor.digest, { mediaType: descriptor.mediaType, bytes });
  }
  store.putManifest('a', tag, { mediaType: image.root.descriptor.mediaType, bytes: image.root.bytes });
}

/** What is there is found, by HEAD and by GET. */
const found =
  (image: SampleImage): QuirkCase['work'] =>
  async (client, t) => {
    seed(client, image);
    assert.deepEqual(await client.registry.headManifest('a', '1', t), image.root.descriptor);
    assert.deepEqual(await client.registry.fetchManifest('a', '1', t), image.root);
  };

/** The image goes up: blobs, children, root, tag. */
const goesUp =
  (image: SampleImage): QuirkCase['work'] =>
  async ({ registry, memory }, t) => {
    await pushSample(registry, 'a', '1', image, t);
    assert.ok(memory.store.manifest('a', '1')?.bytes.equals(image.root.bytes));
  };

const failsToGoUp =
  (image: SampleImage, expected: object): QuirkCase['work'] =>
  async ({ registry, memory }, t) => {
    await assert.rejects(pushSample(registry, 'a', '1', image, t), expected);
    assert.equal(memory.store.repositories.get('a')?.tags.size, 0);
  };

const failsToCome =
  (expected: object): QuirkCase['work'] =>
  async ({ registry }, t) => {
    await assert.rejects(registry.fetchManifest('a', '1', t), expected);
  };

export const manifestQuirks: readonly QuirkCase[] = [
  {
    name: 'Docker Hub: HEAD is free, and a GET of each manifest counts: one is all that is used',
    registry: by(() => () => false),
    work: async (client, t) => {
      seed(client, both);
      await client.registry.headManifest('a', '1', t);
      await client.registry.fetchManifest('a', '1', t);
      assert.deepEqual(
        client.memory.requests.map(({ method }) => method),
        ['HEAD', 'GET'],
      );
    },
  },
  {
    name: 'distribution 2.8: an index is 404 for who does not name its media type',
    registry: by(odd.needsAccept),
    work: found(both),
  },
  { name: 'distribution 2.8: so is a list of Docker', registry: by(odd.needsAccept), work: found(dockers) },
  {
    name: 'HEAD of a manifest is not allowed (405)',
    registry: by(() => odd.headAnswers(complaint(405, 'UNSUPPORTED', ''))),
    work: found(both),
  },
  {
    name: 'HEAD of a manifest does not tell its digest',
    registry: by(() => odd.withoutHeaders('docker-content-digest')),
    work: found(both),
  },
  { name: 'a manifest has no Content-Type', registry: by(() => odd.withoutHeaders('content-type')), work: found(both) },
  {
    name: 'Artifactory: HEAD of a manifest that is absent is 403, and the push goes on',
    registry: by(() => odd.headAnswers(reply(403))),
    work: goesUp(both),
  },
  {
    name: 'registry.k8s.io: a manifest is on another host',
    registry: async (t) => {
      const other = await startMemoryRegistry();
      t.after(() => other.stop());
      const { descriptor, bytes } = both.root;
      other.store.putManifest('a', '1', { mediaType: descriptor.mediaType, bytes });
      return { intercept: redirecting(manifests, 307, () => other.origin) };
    },
    work: async ({ registry }, t) => assert.deepEqual(await registry.fetchManifest('a', '1', t), both.root),
  },
  {
    name: 'a redirect from https to http is refused',
    registry: async (t) => {
      const plain = await startMemoryRegistry();
      t.after(() => plain.stop());
      return { tls: true, intercept: redirecting(manifests, 307, () => plain.origin) };
    },
    work: failsToCome({ code: 'REGISTRY_FAILED', message: /leave https for http/ }),
  },
  {
    name: 'registry.redhat.io: an unknown manifest is UNKNOWN, "Not Found"',
    registry: by(() => odd.notFound(complaint(404, 'UNKNOWN', 'Not Found'))),
    work: failsToCome({ code: 'REGISTRY_NOT_FOUND' }),
  },
  {
    name: 'registry.access.redhat.com: schema 1 comes as text/plain',
    registry: by(() =>
      odd.servesInstead(JSON.stringify({ schemaVersion: 1, name: 'a', tag: '1', fsLayers: [] }), {
        'content-type': 'text/plain',
      }),
    ),
    work: failsToCome({ code: 'MANIFEST_INVALID', message: /schema 1/ }),
  },
  {
    name: 'a manifest has more than 4 MiB',
    registry: by(() => odd.servesInstead(Buffer.alloc((4 << 20) + 1, ' '))),
    work: failsToCome({ code: 'MANIFEST_INVALID', message: /more than 4194304 bytes/ }),
  },
  {
    name: 'a manifest breaks off, and is asked for again',
    registry: by(() => breaksOff(manifests)),
    work: found(both),
  },
  {
    name: 'a list of tags breaks off, and is asked for again',
    registry: by(() => breaksOff(/tags\/list/)),
    work: async (client, t) => {
      seed(client, both);
      assert.deepEqual(await client.registry.listTags('a', t), ['1']);
    },
  },
  {
    name: 'a manifest has no end',
    registry: by(() => endless(manifests)),
    work: failsToCome({ code: 'MANIFEST_INVALID', message: /more than 4194304 bytes/ }),
  },
  {
    name: 'GHCR and replicas of ACR: the blobs of a manifest are not seen at once',
    registry: by(() => odd.unseenBlobs(1)),
    work: goesUp(both),
  },
  {
    name: 'Harbor, Quay, Nexus, Gitea: an index with absent children is refused, with advice',
    registry: by(() => () => false),
    work: async ({ registry }, t) => {
      const sparse = { ...both, manifests: both.manifests.slice(1) };
      await assert.rejects(pushSample(registry, 'a', '1', sparse, t), { code: 'REGISTRY_FAILED', hint: /every platform/ });
    },
  },
  {
    name: "zot: Docker's media types are refused (415), with advice",
    registry: by(odd.refusesDockerTypes),
    work: failsToGoUp(dockers, { code: 'REGISTRY_FAILED', hint: /docker2s2/ }),
  },
  {
    name: 'ECR: a manifest without mediaType is refused, with its words',
    registry: by(odd.needsMediaType),
    work: async (client, t) => {
      await goesUp(both)(client, t);
      const bare = sampleImage();
      const { mediaType: _, ...json } = JSON.parse(bare.root.bytes.toString());
      const root = heldJson(bare.root.descriptor.mediaType, json);
      const image = { ...bare, root, manifests: [root] };
      await assert.rejects(pushSample(client.registry, 'a', '2', image, t), {
        message: /Invalid JSON syntax/,
        hint: /media type/,
      });
    },
  },
  {
    name: 'Quay: an artifact whose config it does not know is MANIFEST_INVALID, with advice',
    registry: by(() =>
      odd.refusesConfig('application/vnd.oci.empty.v1+json', complaint(400, 'MANIFEST_INVALID', 'manifest invalid')),
    ),
    work: failsToGoUp(sampleArtifact('application/vnd.example'), { code: 'REGISTRY_FAILED', hint: /media type/ }),
  },
  {
    name: 'Aliyun\'s ACR: "unknown manifest class" for an attestation, in its words',
    registry: by(() =>
      odd.refusesConfig(
        'application/vnd.oci.empty.v1+json',
        complaint(400, 'MANIFEST_INVALID', 'unknown manifest class for application/vnd.oci.empty.v1+json'),
      ),
    ),
    work: failsToGoUp(sampleArtifact('application/vnd.example'), { code: 'REGISTRY_FAILED', message: /unknown manifest class/ }),
  },
  {
    name: 'Huawei\'s SWR: "fail to parse manifest.json" for an index, in its words',
    registry: by(() =>
      odd.refusesManifests(complaint(400, 'SVCSTG.SWR.4001122', "Invalid image, fail to parse 'manifest.json'")),
    ),
    work: failsToGoUp(both, { code: 'REGISTRY_FAILED', message: /fail to parse 'manifest\.json'/ }),
  },
  {
    name: 'Harbor: a tag that is immutable is 412, a conflict',
    registry: by(odd.immutableTags),
    work: conflicts(),
  },
  {
    name: 'Artifactory: a tag that may not be overwritten is MANIFEST_INVALID by 403',
    registry: by(() => odd.immutableTags(complaint(403, 'MANIFEST_INVALID', 'not enough permissions to overwrite artifact'))),
    work: async (client, t) => {
      seed(client, sampleImage());
      await pushSample(client.registry, 'a', undefined, both, t);
      const push = client.registry.pushTag('a', '1', both.root, { policy: 'overwrite', signal: t.signal });
      await assert.rejects(push, { code: 'REGISTRY_DENIED', message: /overwrite artifact/ });
    },
  },
  {
    name: 'Harbor: a manifest over its limit is refused in its words',
    registry: by(() => odd.refusesManifests(complaint(413, 'MANIFEST_INVALID', 'manifest exceeds the limit of 4194304 bytes'))),
    work: failsToGoUp(both, { code: 'REGISTRY_FAILED', message: /exceeds the limit/ }),
  },
  {
    name: 'a pull-through proxy answers the PUT of a manifest by 405',
    registry: by(() => odd.refusesManifests(complaint(405, 'UNSUPPORTED', 'The operation is unsupported.'))),
    work: failsToGoUp(both, { code: 'REGISTRY_FAILED', message: /405/ }),
  },
  {
    name: 'a list of tags has no end',
    registry: by(() => together(endless(/tags\/list/), odd.notFound(complaint(404, 'MANIFEST_UNKNOWN', 'unknown')))),
    work: failsToCome({ code: 'REGISTRY_NOT_FOUND' }),
  },
  {
    name: 'the pages of a list of tags have no end',
    registry: by(() => (request, response) => {
      const isTags = request.url?.includes('/tags/list') === true;
      const link = `<${request.url?.split('?')[0]}?n=1&last=${Math.random()}>; rel="next"`;
      if (isTags) response.writeHead(200, { link }).end('{"name":"a","tags":["x"]}');
      return isTags;
    }),
    work: async ({ registry, memory }, t) => {
      assert.ok((await registry.listTags('a', t)).length > 0);
      assert.ok(memory.requests.length <= 200, `${memory.requests.length} pages`);
    },
  },
];

function conflicts(): QuirkCase['work'] {
  return async (client, t) => {
    seed(client, sampleImage());
    await pushSample(client.registry, 'a', undefined, both, t);
    const push = client.registry.pushTag('a', '1', both.root, { policy: 'overwrite', signal: t.signal });
    await assert.rejects(push, { code: 'TAG_CONFLICT', message: /immutable/ });
  };
}
