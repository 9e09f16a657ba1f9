import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AttachedPolicy } from '../../bundle-spec/bundle.ts';
import { type ImagePlan, type PlanOptions, planImage } from '../../images/plan/image-plan.ts';
import { parseReference } from '../../images/reference.ts';
import { openRegistry, type Registry } from '../../images/registry/registry.ts';
import { below } from '../registries/below.ts';
import { complaint, type Reply, reply } from '../registries/reply.ts';
import { attachedTypes, cosignTag, fallbackIndex, sampleReferrer, sampleSignature } from '../registries/sample-attached.ts';
import { pushSample, type SampleImage, sampleIndex } from '../registries/sample-images.ts';
import { registryKinds, startRegistry } from '../registries/start-registry.ts';
import { type MemoryClient, script, startMemoryClient } from './memory-client.ts';

const name = 'r.io/shop/api:1';
const platforms = ['linux/amd64'];

/** An index, a sigstore bundle of it that is itself signed, a notation signature and an SBOM of one platform, a cosign signature. */
function attachedSamples() {
  const image = sampleIndex(['linux/amd64', 'linux/arm64'], { seed: 'attached' });
  const [amd, arm] = image.manifests as [SampleImage['root'], SampleImage['root']];
  const bundle = sampleReferrer(image.root, attachedTypes.bundle);
  return {
    image,
    bundle,
    countersigned: sampleReferrer(bundle.root, attachedTypes.notation),
    sbom: sampleReferrer(amd, attachedTypes.sbom, { 'org.example.tool': 'syft' }),
    elsewhere: sampleReferrer(arm, attachedTypes.sbom),
    signature: sampleSignature(image.root),
  };
}

type Samples = ReturnType<typeof attachedSamples>;

async function seed(registry: Registry, samples: Samples, t: TestContext, { fallback }: { readonly fallback: boolean }) {
  const { image, bundle, countersigned, sbom, elsewhere, signature } = samples;
  await pushSample(registry, 'shop/api', '1', image, t);
  for (const artifact of [bundle, countersigned, sbom, elsewhere]) await pushSample(registry, 'shop/api', undefined, artifact, t);
  await pushSample(registry, 'shop/api', cosignTag(image.root), signature, t);
  if (!fallback) return;
  const amd = image.manifests[0] as SampleImage['root'];
  for (const [subject, list] of [
    [image.root, [bundle.root]],
    [bundle.root, [countersigned.root]],
    [amd, [sbom.root]],
  ] as const) {
    await pushSample(registry, 'shop/api', cosignTag(subject, ''), fallbackIndex(list), t);
  }
}

async function plan(registry: Registry, t: TestContext, options: Partial<PlanOptions> = {}): Promise<ImagePlan> {
  const located = { registry, repository: 'shop/api' };
  return planImage(located, parseReference(name), { platforms, attached: 'all', signal: t.signal, ...options });
}

const digestsOf = ({ attached }: ImagePlan) => attached.map(({ root }) => root.descriptor.digest).sort();
const roots = (...images: readonly SampleImage[]) => images.map(({ root }) => root.descriptor.digest).sort();

for (const kind of registryKinds) {
  test(`${kind}: what refers to an image, to its stored platform, and to a signature travels`, async (t) => {
    const { host, plainHttp, prefix, user } = await startRegistry(kind, t);
    const credentials = async () => user && { from: 'the test', ...user };
    const opened = openRegistry({ host, plainHttp, credentials }, { retry: { baseMs: 5 } });
    t.after(() => opened.close());
    const registry = below(prefix, opened);
    const samples = attachedSamples();
    const { image, bundle, countersigned, sbom, signature } = samples;
    await seed(registry, samples, t, { fallback: true });
    const planned = await plan(registry, t);
    assert.equal(planned.mode, 'platform');
    assert.deepEqual(digestsOf(planned), roots(bundle, countersigned, sbom, signature));
    const bySubject = new Map(planned.attached.map((artifact) => [artifact.root.descriptor.digest, artifact]));
    assert.equal(bySubject.get(bundle.root.descriptor.digest)?.subject, image.root.descriptor.digest);
    assert.equal(bySubject.get(sbom.root.descriptor.digest)?.subject, planned.stored.descriptor.digest);
    assert.equal(bySubject.get(signature.root.descriptor.digest)?.tag, cosignTag(image.root));
    assert.deepEqual(bySubject.get(sbom.root.descriptor.digest)?.blobs.length, 2);
    assert.deepEqual(planned.evidence?.bytes, image.root.bytes, 'what the signature is of');
  });
}

test('the referrers API is asked page by page, and then no tag stands for it', async (t) => {
  const client = await startMemoryClient(t);
  client.memory.store.referrersPage = 1;
  const samples = attachedSamples();
  const second = sampleReferrer(samples.image.root, attachedTypes.notation);
  await seed(client.registry, samples, t, { fallback: false });
  await pushSample(client.registry, 'shop/api', undefined, second, t);
  client.memory.requests.length = 0;
  const planned = await plan(client.registry, t);
  const { bundle, countersigned, sbom, signature } = samples;
  assert.deepEqual(digestsOf(planned), roots(bundle, countersigned, sbom, signature, second));
  assert.ok(client.wire().some((line) => line.includes('?from=1')));
  assert.deepEqual(
    client.memory.requests.filter(({ url }) => /manifests\/sha256-[0-9a-f]{64}$/.test(url)),
    [],
  );
});

const policies: readonly { readonly policy: AttachedPolicy; readonly taken: (samples: Samples) => readonly SampleImage[] }[] = [
  { policy: 'none', taken: () => [] },
  { policy: 'signatures', taken: ({ bundle, countersigned, signature }) => [bundle, countersigned, signature] },
  { policy: 'all', taken: ({ bundle, countersigned, signature, sbom }) => [bundle, countersigned, signature, sbom] },
];
for (const { policy, taken } of policies) {
  for (const page of [0, 10]) {
    test(`policy ${policy} on a registry ${page === 0 ? 'without' : 'with'} the API`, async (t) => {
      const client = await startMemoryClient(t);
      client.memory.store.referrersPage = page;
      const samples = attachedSamples();
      await seed(client.registry, samples, t, { fallback: page === 0 });
      client.memory.requests.length = 0;
      assert.deepEqual(digestsOf(await plan(client.registry, t, { attached: policy })), roots(...taken(samples)));
      if (policy === 'none') assert.equal(client.memory.requests.length, 2, 'the index and the manifest');
    });
  }
}

test('no manifest is fetched twice, and tags are asked for by HEAD', async (t) => {
  const client = await startMemoryClient(t);
  await seed(client.registry, attachedSamples(), t, { fallback: true });
  client.memory.requests.length = 0;
  await plan(client.registry, t);
  const fetched = client.memory.requests.filter(({ method, url }) => method === 'GET' && url.includes('/manifests/'));
  assert.equal(new Set(fetched.map(({ url }) => url)).size, fetched.length);
  const tags = fetched.filter(({ url }) => /sha256-/.test(url));
  assert.deepEqual(tags, []);
});

test('a lock brings back just what it lists, without a search', async (t) => {
  const client = await startMemoryClient(t);
  const samples = attachedSamples();
  await seed(client.registry, samples, t, { fallback: true });
  const first = await plan(client.registry, t);
  const locked = first.attached.map(({ subject, root, artifactType, tag }) => {
    const { digest, mediaType } = root.descriptor;
    return { subject, digest, mediaType, artifactType, ...(tag !== undefined && { tag }) };
  });
  await pushSample(client.registry, 'shop/api', cosignTag(samples.image.root, '.sbom'), samples.sbom, t);
  client.memory.requests.length = 0;
  const again = await plan(client.registry, t, { locked: first.source, lockedAttached: locked });
  assert.deepEqual(again.attached, first.attached);
  assert.equal(client.memory.requests.length, 2 + locked.length);
  const none = await plan(client.registry, t, { locked: first.source, lockedAttached: [] });
  assert.deepEqual(none.attached, []);
});

const html = reply(200, { 'content-type': 'text/html' }, '<html><title>Welcome</title></html>'.padEnd(5 << 20));
const without: readonly { readonly name: string; readonly answer: Reply }[] = [
  { name: '404 in plain text, as distribution', answer: reply(404, { 'content-type': 'text/plain' }, '404 page not found') },
  { name: '404 NAME_UNKNOWN', answer: complaint(404, 'NAME_UNKNOWN', 'no such repository') },
  { name: '405', answer: complaint(405, 'UNSUPPORTED', 'not here') },
  { name: '400', answer: complaint(400, 'DIGEST_INVALID', 'what is this') },
  { name: '403', answer: complaint(403, 'DENIED', 'no') },
  { name: 'a web page', answer: html },
  { name: 'some other JSON', answer: reply(200, { 'content-type': 'application/json' }, '{"status":"ok"}') },
];
for (const { name: how, answer } of without) {
  test(`a registry that answers ${how} to the referrers API has its list under a tag`, async (t) => {
    const client = await startMemoryClient(t, { intercept: script('GET', /\/referrers\//, Array(20).fill(answer)) });
    const samples = attachedSamples();
    await seed(client.registry, samples, t, { fallback: true });
    const { bundle, countersigned, sbom, signature } = samples;
    assert.deepEqual(digestsOf(await plan(client.registry, t)), roots(bundle, countersigned, sbom, signature));
  });
}

test('a list that names strangers, and what is gone, brings neither', async (t) => {
  const client = await startMemoryClient(t);
  client.memory.store.sparse = true;
  const image = sampleIndex(['linux/amd64', 'linux/arm64']);
  await pushSample(client.registry, 'shop/api', '1', image, t);
  const stranger = sampleIndex(['linux/s390x']);
  await pushSample(client.registry, 'shop/api', '2', stranger, t);
  const gone = sampleReferrer(image.root, attachedTypes.sbom);
  await pushSample(client.registry, 'shop/api', cosignTag(image.root, ''), fallbackIndex([stranger.root, gone.root]), t);
  assert.deepEqual((await plan(client.registry, t)).attached, []);
});

const hostile: readonly { readonly name: string; readonly answers: (client: () => MemoryClient) => Reply }[] = [
  {
    name: 'more artifacts than anybody has',
    answers: () => {
      const manifests = Array.from({ length: 600 }, (_, n) => ({
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest: `sha256:${n.toString(16).padStart(64, '0')}`,
        size: 10,
      }));
      return reply(
        200,
        { 'content-type': 'application/vnd.oci.image.index.v1+json' },
        JSON.stringify({ schemaVersion: 2, manifests }),
      );
    },
  },
  {
    name: 'pages without end',
    answers: () =>
      reply(
        200,
        { 'content-type': 'application/vnd.oci.image.index.v1+json', link: '</v2/x/referrers/y?last=z>; rel="next"' },
        JSON.stringify({ schemaVersion: 2, manifests: [] }),
      ),
  },
];
for (const { name: how, answers } of hostile) {
  test(`a registry that lists ${how} is not followed`, async (t) => {
    let client: MemoryClient;
    const answer = answers(() => client);
    client = await startMemoryClient(t, { intercept: script('GET', /\/referrers\//, Array(200).fill(answer)) });
    await pushSample(client.registry, 'shop/api', '1', sampleIndex(platforms), t);
    await assert.rejects(plan(client.registry, t), {
      code: 'MANIFEST_INVALID',
      message: /lists more than/,
      hint: /attached: none/,
    });
    assert.ok(client.memory.requests.length < 80);
  });
}

test('lists that are long together are not followed either, and few of what they name is asked for', async (t) => {
  const list = (from: number) =>
    reply(
      200,
      { 'content-type': 'application/vnd.oci.image.index.v1+json' },
      JSON.stringify({
        schemaVersion: 2,
        manifests: Array.from({ length: 400 }, (_, n) => ({
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          digest: `sha256:${(from + n).toString(16).padStart(64, '0')}`,
          size: 10,
        })),
      }),
    );
  const intercept = script('GET', /\/referrers\//, [list(0), list(1000), list(2000), list(3000)]);
  const client = await startMemoryClient(t, { intercept });
  const image = sampleIndex(['linux/amd64', 'linux/arm64', 'linux/s390x']);
  await pushSample(client.registry, 'shop/api', '1', image, t);
  const several = { platforms: ['linux/amd64', 'linux/arm64', 'linux/s390x'] as const };
  await assert.rejects(plan(client.registry, t, several), { code: 'MANIFEST_INVALID', message: /more than 500 artifacts/ });
  const asked = client.memory.requests.filter(({ url }) => /manifests\/sha256:0{50}/.test(url));
  assert.ok(asked.length <= 400, `${asked.length} asked for`);
});

test('a registry that fails at the referrers API fails the plan: nothing is dropped in silence', async (t) => {
  const failing = complaint(500, 'UNKNOWN', 'out of order');
  const client = await startMemoryClient(t, { intercept: script('GET', /\/referrers\//, Array(200).fill(failing)) });
  await pushSample(client.registry, 'shop/api', '1', sampleIndex(platforms), t);
  await assert.rejects(plan(client.registry, t), { code: 'REGISTRY_FAILED', hint: /attached: none/ });
});
