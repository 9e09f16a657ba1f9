import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { HeldDocument } from '../../images/descriptor.ts';
import { ociIndexType } from '../../images/media-types.ts';
import { pushBundle } from '../../images/push/push-bundle.ts';
import { mergeReferrers } from '../../images/push/push-referrers.ts';
import type { TagPolicy } from '../../images/registry/registry.ts';
import { openRegistry, type Registry } from '../../images/registry/registry.ts';
import { referrersTag } from '../../images/registry/registry-referrers.ts';
import { below } from '../registries/below.ts';
import { attachedTypes, cosignTag, sampleReferrer, sampleSignature } from '../registries/sample-attached.ts';
import { pushSample, sampleIndex } from '../registries/sample-images.ts';
import { registryKinds, startRegistry } from '../registries/start-registry.ts';
import { type MemoryClient, startMemoryClient } from './memory-client.ts';
import { plannedBundle } from './planned-bundle.ts';

const target = 'apps/r.io/shop/api';
const annotations = { 'org.example.tool': 'syft' };

/** A bundle with one platform of a signed image; the platform has an SBOM, which is signed. */
async function signedBundle(t: TestContext) {
  const { memory, registry } = await startMemoryClient(t);
  memory.store.referrersPage = 10;
  const image = sampleIndex(['linux/amd64', 'linux/arm64']);
  const amd = image.manifests[0] as HeldDocument;
  const sbom = sampleReferrer(amd, attachedTypes.sbom, annotations);
  const artifacts = [sbom, sampleReferrer(sbom.root, attachedTypes.notation), sampleReferrer(image.root, attachedTypes.bundle)];
  const signature = sampleSignature(image.root);
  await pushSample(registry, 'shop/api', '1', image, t);
  for (const artifact of artifacts) await pushSample(registry, 'shop/api', undefined, artifact, t);
  await pushSample(registry, 'shop/api', cosignTag(image.root), signature, t);
  const wanted = [{ reference: 'r.io/shop/api:1', attached: 'all' } as const];
  const { bundle } = await plannedBundle(t, registry, wanted, ['linux/amd64']);
  return { bundle, image, amd, sbom, artifacts, signature };
}

async function listed(registry: Registry, subject: HeldDocument, { signal }: TestContext): Promise<unknown[]> {
  const { digest } = subject.descriptor;
  const byApi = await registry.fetchReferrers(target, digest, { signal });
  if (byApi !== 'unsupported')
    return byApi.map(({ digest: found, artifactType, annotations: notes }) => [found, artifactType, notes ?? {}]);
  const { bytes } = await registry.fetchManifest(target, referrersTag(digest), { signal });
  const { manifests }: { manifests: { digest: string; artifactType: string; annotations: unknown }[] } = JSON.parse(
    bytes.toString(),
  );
  return manifests.map(({ digest: found, artifactType, annotations: notes }) => [found, artifactType, notes]);
}

for (const kind of registryKinds) {
  test(`${kind}: what is attached arrives with its image, and is found by its subject and its tag`, async (t) => {
    const { bundle, image, amd, sbom, artifacts, signature } = await signedBundle(t);
    const { host, plainHttp, prefix, user } = await startRegistry(kind, t);
    const credentials = async () => user && { from: 'the test', ...user };
    const opened = openRegistry({ host, plainHttp, credentials }, { retry: { baseMs: 5 } });
    t.after(() => opened.close());
    const push = () => pushBundle(bundle, opened, { host, prefix: `${prefix}apps` }, { signal: t.signal });
    const registry = below(prefix, opened);
    const report = await push();
    assert.deepEqual(
      report.attached.map(({ outcome }) => outcome),
      Array(4).fill('pushed'),
    );
    assert.equal(report.items.length, 1);
    for (const { root, blobs } of [...artifacts, signature]) {
      assert.deepEqual((await registry.fetchManifest(target, root.descriptor.digest, t)).bytes, root.bytes);
      for (const { descriptor } of blobs) assert.ok(await registry.hasBlob(target, descriptor.digest, t));
    }
    const tagged = await registry.fetchManifest(target, cosignTag(image.root), t);
    assert.equal(tagged.descriptor.digest, signature.root.descriptor.digest);
    assert.deepEqual(await listed(registry, amd, t), [[sbom.root.descriptor.digest, attachedTypes.sbom, annotations]]);
    assert.equal((await listed(registry, sbom.root, t)).length, 1);
    assert.equal((await listed(registry, image.root, t)).length, 1, 'though the index itself is not there');
    const source = await registry.headManifest(target, image.root.descriptor.digest, t);
    assert.equal(source, 'absent', 'the evidence is not pushed');
    const again = await push();
    assert.deepEqual(
      again.attached.map(({ outcome }) => outcome),
      Array(4).fill('present'),
    );
  });
}

test('a registry with the referrers API gets no tags that stand for it', async (t) => {
  const { bundle } = await signedBundle(t);
  const client = await startMemoryClient(t);
  client.memory.store.referrersPage = 10;
  await push(client, bundle, t);
  const tags = [...client.memory.store.repository(target).tags.keys()];
  assert.deepEqual(
    tags.filter((tag) => /^sha256-[0-9a-f]{64}$/.test(tag)),
    [],
  );
});

test('manifests come after what they refer to, and tags last', async (t) => {
  const { bundle, amd, artifacts } = await signedBundle(t);
  const client = await startMemoryClient(t);
  await push(client, bundle, t);
  const puts = client.memory.requests.filter(({ method, url }) => method === 'PUT' && url.includes('/manifests/'));
  const at = ({ descriptor }: HeldDocument) => puts.findIndex(({ url }) => url.endsWith(descriptor.digest));
  for (const { root } of artifacts) assert.ok(at(root) > at(amd));
  assert.match(puts.at(-1)?.url ?? '', /manifests\/(1|sha256-\w+\.sig)$/);
});

test('a push that was stopped before an artifact was listed lists it when it is repeated', async (t) => {
  const { bundle, amd, sbom } = await signedBundle(t);
  const client = await startMemoryClient(t);
  await push(client, bundle, t);
  const { tags } = client.memory.store.repository(target);
  for (const tag of tags.keys()) if (/^sha256-[0-9a-f]{64}$/.test(tag)) tags.delete(tag);
  await push(client, bundle, t);
  assert.deepEqual(await listed(client.registry, amd, t), [[sbom.root.descriptor.digest, attachedTypes.sbom, annotations]]);
  client.memory.requests.length = 0;
  await push(client, bundle, t);
  assert.ok(client.memory.requests.every(({ method }) => method === 'GET' || method === 'HEAD'));
});

test('what the registry lists already stays', async (t) => {
  const { bundle, amd, sbom } = await signedBundle(t);
  const client = await startMemoryClient(t);
  const own = sampleReferrer(amd, attachedTypes.notation);
  await pushSample(client.registry, target, undefined, { ...own, manifests: own.manifests }, t);
  const { mediaType, digest, size } = own.root.descriptor;
  const index = {
    schemaVersion: 2,
    mediaType: ociIndexType,
    manifests: [{ mediaType, digest, size, annotations: { kept: 'yes' } }],
  };
  const bytes = Buffer.from(JSON.stringify(index));
  client.memory.store.putManifest(target, referrersTag(amd.descriptor.digest), { mediaType: ociIndexType, bytes });
  await push(client, bundle, t);
  const found = await listed(client.registry, amd, t);
  assert.deepEqual(
    found.toSorted(),
    [
      [digest, undefined, { kept: 'yes' }],
      [sbom.root.descriptor.digest, attachedTypes.sbom, annotations],
    ].toSorted(),
  );
});

const policies: readonly { readonly policy: TagPolicy; readonly outcome: string }[] = [
  { policy: 'error', outcome: 'kept' },
  { policy: 'skip', outcome: 'kept' },
  { policy: 'overwrite', outcome: 'pushed' },
];
for (const { policy, outcome } of policies) {
  test(`a signature of the registry's own under the same tag is ${outcome === 'kept' ? 'kept' : 'replaced'} by policy ${policy}`, async (t) => {
    const { bundle, image } = await signedBundle(t);
    const client = await startMemoryClient(t);
    const theirs = sampleSignature(sampleIndex(['linux/amd64']).root);
    await pushSample(client.registry, target, cosignTag(image.root), theirs, t);
    const report = await pushBundle(bundle, client.registry, targetOf(client), { signal: t.signal, onTagConflict: policy });
    assert.equal(report.attached.find(({ local }) => local.endsWith('.sig'))?.outcome, outcome);
    assert.equal(report.items[0]?.outcome, 'pushed');
  });
}

test('a tag that stands for a list and names an image is not overwritten', async (t) => {
  const { bundle, amd } = await signedBundle(t);
  const client = await startMemoryClient(t);
  await pushSample(client.registry, target, referrersTag(amd.descriptor.digest), sampleSignature(amd), t);
  await assert.rejects(push(client, bundle, t), { code: 'TAG_CONFLICT', message: /clients look for signatures/ });
});

test('the same referrers give the same index, in whatever order, and entries without a type are described anew', () => {
  const subject = sampleIndex(['linux/amd64']).root;
  const [one, two] = [attachedTypes.sbom, attachedTypes.notation].map((type) => sampleReferrer(subject, type).root) as [
    HeldDocument,
    HeldDocument,
  ];
  const both = mergeReferrers(undefined, [one, two], 'x');
  assert.deepEqual(mergeReferrers(undefined, [two, one], 'x'), both);
  assert.deepEqual(mergeReferrers(both, [one], 'x'), both);
  const { mediaType, digest, size } = one.descriptor;
  const bare = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: ociIndexType, manifests: [{ mediaType, digest, size }] }),
  );
  assert.deepEqual(mergeReferrers(bare, [one, two], 'x'), both);
});

type Bundle = Parameters<typeof pushBundle>[0];

async function push(client: MemoryClient, bundle: Bundle, t: TestContext): Promise<void> {
  await pushBundle(bundle, client.registry, targetOf(client), { signal: t.signal });
}

function targetOf({ memory }: MemoryClient): { readonly host: string; readonly prefix: string } {
  return { host: memory.host, prefix: 'apps' };
}
