import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { HeldDocument } from '../../images/descriptor.ts';
import { digestOf } from '../../images/digest.ts';
import { dockerListType, ociIndexType, ociManifestType } from '../../images/media-types.ts';
import { readImageTree } from '../../images/plan/image-tree.ts';
import { type PlanRequest, planImages } from '../../images/plan/plan-images.ts';
import { parseReference } from '../../images/reference.ts';
import { heldJson, sampleImage } from '../registries/sample-images.ts';
import { type MemoryClient, startMemoryClient } from './memory-client.ts';

const tag = 'r.io/shop/api:1';
const sha = (digit: string) => `sha256:${digit.repeat(64)}`;

function indexOf(children: readonly unknown[]): HeldDocument {
  return heldJson(ociIndexType, { schemaVersion: 2, mediaType: ociIndexType, manifests: children });
}

function put({ memory }: MemoryClient, document: HeldDocument, reference = document.descriptor.digest as string): void {
  const { mediaType } = document.descriptor;
  memory.store.putManifest('shop/api', reference, { mediaType, bytes: document.bytes });
}

/** Indexes in indexes, so many deep, down to an image. */
function nested(client: MemoryClient, depth: number): HeldDocument {
  let held = sampleImage().root;
  for (let level = 0; level < depth; level += 1) {
    put(client, held);
    held = indexOf([held.descriptor]);
  }
  return held;
}

const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha('c'), size: 100 };
const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: sha('d'), size: 100 };

const hostile: readonly {
  readonly name: string;
  readonly root: (client: MemoryClient) => HeldDocument;
  readonly code?: string;
  readonly message: RegExp;
}[] = [
  {
    name: 'indexes nested deeper than 4',
    root: (client) => nested(client, 6),
    message: /nests indexes more than 4 deep|names no os/,
  },
  {
    name: 'an index with 5,000 children',
    root: () =>
      indexOf(
        Array.from({ length: 5000 }, (_, n) => ({
          ...layer,
          mediaType: ociManifestType,
          digest: `sha256:${String(n).padStart(64, '0')}`,
        })),
      ),
    message: /it lists 5000 manifests, and 2000 are allowed/,
  },
  {
    name: 'a member that is nested 100,000 deep',
    root: (client) => {
      const { root } = sampleImage();
      put(client, root);
      const others = ['arm64', 's390x'].map((architecture) => ({ ...root.descriptor, platform: { os: 'linux', architecture } }));
      const children = [{ ...root.descriptor, platform: { os: 'linux', architecture: 'amd64' } }, ...others];
      const text = indexOf(children)
        .bytes.toString()
        .replace(/}$/, `,"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`);
      const bytes = Buffer.from(text);
      return { descriptor: { mediaType: ociIndexType, digest: digestOf(bytes), size: bytes.length }, bytes };
    },
    message: /nests values more than 64 deep/,
  },
  {
    name: 'a digest of another algorithm',
    root: () =>
      heldJson(ociManifestType, {
        schemaVersion: 2,
        mediaType: ociManifestType,
        config,
        layers: [{ ...layer, digest: `sha512:${'a'.repeat(128)}` }],
      }),
    message: /layers\.0\.digest: expected "sha256:" and 64 hex digits; digests of sha512 are not supported/,
  },
  {
    name: 'a child with another size than the index says',
    root: (client) => {
      const { root } = sampleImage();
      put(client, root);
      return indexOf([{ ...root.descriptor, size: root.descriptor.size + 1, platform: { os: 'linux', architecture: 'amd64' } }]);
    },
    message: /bytes, and its index says/,
  },
  {
    name: 'a config over 4 MiB',
    root: () =>
      heldJson(ociManifestType, {
        schemaVersion: 2,
        mediaType: ociManifestType,
        config: { ...config, size: 5 << 20 },
        layers: [layer],
      }),
    message: /its config has 5242880 bytes, and 4194304 are allowed/,
  },
  {
    name: 'a child over 4 MiB',
    root: () =>
      indexOf([{ ...layer, mediaType: ociManifestType, size: 5 << 20, platform: { os: 'linux', architecture: 'amd64' } }]),
    code: 'REGISTRY_NOT_FOUND',
    message: /has no shop\/api@sha256:d/,
  },
  {
    name: 'two sizes for one layer',
    root: (client) => {
      const child = heldJson(ociManifestType, {
        schemaVersion: 2,
        mediaType: ociManifestType,
        config,
        layers: [layer, { ...layer, size: 101 }],
      });
      put(client, child);
      return indexOf([{ ...child.descriptor, platform: { os: 'linux', architecture: 'amd64' } }]);
    },
    message: /two sizes, 100 and 101/,
  },
  {
    name: 'schema 1',
    root: () => heldJson('application/vnd.docker.distribution.manifest.v1+prettyjws', { schemaVersion: 1, name: 'x' }),
    message: /Docker's schema 1/,
  },
];
for (const { name, root, message, code = 'MANIFEST_INVALID' } of hostile) {
  test(`${name}: an error before any layer`, async (t) => {
    const client = await startMemoryClient(t);
    put(client, root(client), '1');
    client.memory.requests.length = 0;
    await assert.rejects(plan(client, [{ reference: parseReference(tag) }], t), { code, message });
    assert.ok(client.memory.requests.length < 20, `${client.memory.requests.length} requests`);
  });
}

test('a config that names no platform is an error, one that lies is believed in nothing else', async (t) => {
  const client = await startMemoryClient(t);
  for (const [json, message] of [
    ['[]', /names no os and architecture/],
    ['{"os":"linux","architecture":"s390x"}', /not for linux\/amd64: it exists for linux\/s390x/],
  ] as const) {
    const digest = client.memory.store.putBlob('shop/api', Buffer.from(json));
    const root = { schemaVersion: 2, mediaType: ociManifestType, config: { ...config, digest, size: json.length }, layers: [] };
    put(client, heldJson(ociManifestType, root), '1');
    await assert.rejects(plan(client, [{ reference: parseReference(tag) }], t), { message });
  }
});

test('a circle of manifests, which only a lie about digests makes, comes to an end', async () => {
  const circle = indexOf([{ mediaType: ociIndexType, digest: sha('a'), size: 10 }]);
  const root = { mediaType: ociIndexType, digest: sha('a') as `sha256:${string}`, size: 10 };
  const tree = await readImageTree(root, async () => circle.bytes);
  assert.equal(tree.manifests.length, 1);
});

test('a tree of more manifests than an image has is left before they are asked for', async () => {
  const wide = (from: number) =>
    indexOf(
      Array.from({ length: 1500 }, (_, n) => ({
        mediaType: ociIndexType,
        digest: `sha256:${String(from + n).padStart(64, '0')}`,
        size: 10,
      })),
    );
  let asked = 0;
  const read = async () => wide(2000 * asked++).bytes;
  const root = { mediaType: ociIndexType, digest: sha('a') as `sha256:${string}`, size: 10 };
  await assert.rejects(readImageTree(root, read), { code: 'MANIFEST_INVALID', message: /manifests, and 2000 are allowed/ });
  assert.ok(asked <= 20);
});

test('two images that give one blob two sizes are told of together with all else that is wrong', async (t) => {
  const client = await startMemoryClient(t);
  const manifest = (size: number) => {
    const child = heldJson(ociManifestType, {
      schemaVersion: 2,
      mediaType: ociManifestType,
      config,
      layers: [{ ...layer, size }],
    });
    put(client, child);
    return indexOf([{ ...child.descriptor, platform: { os: 'linux', architecture: 'amd64' } }]);
  };
  put(client, manifest(100), '1');
  put(client, manifest(200), '2');
  const requests = ['1', '2', 'absent'].map((name) => ({ reference: parseReference(`r.io/shop/api:${name}`) }));
  const failure: unknown = await plan(client, requests, t).catch((error) => error);
  assert.ok(failure instanceof Error);
  assert.match(failure.message, /^2 of 3 images cannot be had:/);
  assert.match(failure.message, /api:2 says that sha256:d+ has 200 bytes, r\.io\/shop\/api:1 says 100 \[SIZE_MISMATCH\]/);
  assert.match(failure.message, /absent.*\[REGISTRY_NOT_FOUND\]/);
});

test('a manifest that many images share is fetched once, and no more requests run at once than allowed', async (t) => {
  let [running, most] = [0, 0];
  const client = await startMemoryClient(t, {
    intercept: async (_, response) => {
      running += 1;
      most = Math.max(most, running);
      response.on('close', () => (running -= 1));
      await new Promise((resolve) => setTimeout(resolve, 2));
      return false;
    },
  });
  const { root } = sampleImage();
  put(client, root);
  const platform = { os: 'linux', architecture: 'amd64' };
  for (let n = 0; n < 40; n += 1) {
    const own = heldJson(dockerListType, {
      schemaVersion: 2,
      mediaType: dockerListType,
      manifests: [{ ...root.descriptor, platform }],
      n,
    });
    put(client, own, `t${n}`);
  }
  const requests = Array.from({ length: 40 }, (_, n) => ({ reference: parseReference(`r.io/shop/api:t${n}`) }));
  const plans = await plan(client, requests, t, 5);
  assert.equal(plans.length, 40);
  assert.equal(client.memory.requests.filter(({ method }) => method === 'GET').length, 41);
  assert.ok(most <= 5, `${most} at once`);
});

const foreign = {
  mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  size: 5,
  urls: ['https://example.invalid/x'],
};
for (const served of [true, false]) {
  test(`a foreign layer ${served ? 'that the registry has travels' : 'that the registry lacks stays where its urls point'}`, async (t) => {
    const client = await startMemoryClient(t);
    const digest = client.memory.store.putBlob(served ? 'shop/api' : 'elsewhere', Buffer.from('bytes'));
    const child = heldJson(ociManifestType, {
      schemaVersion: 2,
      mediaType: ociManifestType,
      config,
      layers: [{ ...foreign, digest }],
    });
    put(client, child);
    put(client, indexOf([{ ...child.descriptor, platform: { os: 'linux', architecture: 'amd64' } }]), '1');
    const [planned] = await plan(client, [{ reference: parseReference(tag) }], t);
    assert.deepEqual(
      planned?.blobs.map((blob) => blob.digest),
      served ? [config.digest, digest] : [config.digest],
    );
    assert.deepEqual(
      planned?.foreign.map((blob) => blob.digest),
      served ? [] : [digest],
    );
  });
}

async function plan(client: MemoryClient, requests: readonly PlanRequest[], { signal }: TestContext, concurrency?: number) {
  const locate = () => ({ registry: client.registry, repository: 'shop/api' });
  return planImages(requests, { locate, platforms: ['linux/amd64'], signal, ...(concurrency && { concurrency }) });
}
