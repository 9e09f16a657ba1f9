import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Digest, Platform } from '../../bundle-spec/names.ts';
import type { HeldDocument } from '../../images/descriptor.ts';
import { digestOf } from '../../images/digest.ts';
import { ociIndexType } from '../../images/media-types.ts';
import { type ImagePlan, planImage } from '../../images/plan/image-plan.ts';
import { type PlanRequest, planImages } from '../../images/plan/plan-images.ts';
import { parseReference } from '../../images/reference.ts';
import { openRegistry, type Registry } from '../../images/registry/registry.ts';
import { below } from '../registries/below.ts';
import { heldJson, pushSample, type SampleImage, sampleArtifact, sampleImage, sampleIndex } from '../registries/sample-images.ts';
import { registryKinds, startRegistry } from '../registries/start-registry.ts';

interface Source {
  readonly registry: Registry;
  plan(name: string, platforms: readonly Platform[], locked?: Digest): Promise<ImagePlan>;
  planAll(requests: readonly PlanRequest[], platforms: readonly Platform[]): Promise<readonly ImagePlan[]>;
}

async function start(kind: (typeof registryKinds)[number], t: TestContext): Promise<Source> {
  const { host, plainHttp, prefix, user } = await startRegistry(kind, t);
  const credentials = async () => user && { from: 'the test', ...user };
  const opened = openRegistry({ host, plainHttp, credentials }, { retry: { baseMs: 5 } });
  t.after(() => opened.close());
  const registry = below(prefix, opened);
  const { signal } = t;
  return {
    registry,
    plan(name, platforms, locked) {
      const reference = parseReference(name);
      return planImage({ registry, repository: reference.repository }, reference, {
        platforms,
        signal,
        ...(locked && { locked }),
      });
    },
    planAll(requests, platforms) {
      return planImages(requests, { locate: ({ repository }) => ({ registry, repository }), platforms, signal });
    },
  };
}

function sizeOf({ manifests, blobs }: Pick<SampleImage, 'manifests' | 'blobs'>): number {
  return [...manifests, ...blobs].reduce((total, { descriptor }) => total + descriptor.size, 0);
}

const digests = (documents: readonly HeldDocument[]) => documents.map(({ descriptor }) => descriptor.digest).sort();

for (const kind of registryKinds) {
  test(`${kind}: a tag with one platform wanted becomes that platform's manifest`, async (t) => {
    const { registry, plan } = await start(kind, t);
    const image = sampleIndex(['linux/amd64', 'linux/arm64'], { attested: true });
    await pushSample(registry, 'shop/api', '1', image, t);
    const planned = await plan('r.io/shop/api:1', ['linux/arm64']);
    const arm = image.manifests[1];
    assert.equal(planned.mode, 'platform');
    assert.equal(planned.source, image.root.descriptor.digest);
    assert.deepEqual(planned.stored.bytes, arm?.bytes);
    assert.deepEqual(planned.platforms, ['linux/arm64']);
    assert.equal(planned.manifests.length, 1);
    assert.equal(planned.blobs.length, 2);
    assert.equal(planned.size, planned.stored.bytes.length + planned.blobs.reduce((total, { size }) => total + size, 0));
  });

  test(`${kind}: a tag with several platforms wanted becomes an index of just these, the same each time`, async (t) => {
    const { registry, plan } = await start(kind, t);
    const image = sampleIndex(['linux/amd64', 'linux/arm64', 'linux/s390x'], { attested: true, docker: false });
    await pushSample(registry, 'shop/api', '1', image, t);
    const planned = await plan('r.io/shop/api:1', ['linux/arm64', 'linux/amd64']);
    assert.equal(planned.mode, 'stripped');
    assert.deepEqual(planned.platforms, ['linux/amd64', 'linux/arm64']);
    const { manifests } = JSON.parse(planned.stored.bytes.toString());
    assert.deepEqual(
      manifests.map((child: { digest: string }) => child.digest),
      image.manifests.slice(0, 2).map(({ descriptor }) => descriptor.digest),
    );
    assert.equal(planned.source, image.root.descriptor.digest);
    assert.equal(planned.stored.descriptor.digest, digestOf(planned.stored.bytes));
    assert.deepEqual(planned.manifests.at(-1), planned.stored);
    assert.deepEqual((await plan('r.io/shop/api:1', ['linux/amd64', 'linux/arm64'])).stored, planned.stored);
  });

  test(`${kind}: an index that has exactly the wanted platforms stays as it is`, async (t) => {
    const { registry, plan } = await start(kind, t);
    const image = sampleIndex(['linux/amd64', 'linux/arm64']);
    await pushSample(registry, 'shop/api', '1', image, t);
    const planned = await plan('r.io/shop/api:1', ['linux/amd64', 'linux/arm64']);
    assert.equal(planned.mode, 'complete');
    assert.deepEqual(planned.stored.bytes, image.root.bytes);
  });

  test(`${kind}: an index pinned by digest stays complete, attestations and all`, async (t) => {
    const { registry, plan } = await start(kind, t);
    const image = sampleIndex(['linux/amd64', 'linux/arm64'], { attested: true });
    await pushSample(registry, 'shop/api', '1', image, t);
    const planned = await plan(`r.io/shop/api:other@${image.root.descriptor.digest}`, ['linux/amd64']);
    assert.equal(planned.mode, 'complete');
    assert.deepEqual(planned.platforms, ['linux/amd64', 'linux/arm64']);
    assert.deepEqual(digests(planned.manifests), digests(image.manifests));
    assert.deepEqual(planned.blobs.map(({ digest }) => digest).sort(), digests(image.blobs));
    assert.equal(planned.size, sizeOf(image));
  });

  test(`${kind}: an index pinned by a digest that values bring is stored like that of a tag, with no platform left out as it is`, async (t) => {
    const { registry, planAll } = await start(kind, t);
    const image = sampleIndex(['linux/amd64', 'linux/arm64', 'linux/s390x'], { attested: true });
    await pushSample(registry, 'shop/api', '1', image, t);
    const source = image.root.descriptor.digest;
    const reference = parseReference(`r.io/shop/api:1@${source}`);
    const modes = await Promise.all(
      [['linux/amd64'], ['linux/amd64', 'linux/arm64'], ['linux/amd64', 'linux/arm64', 'linux/s390x']].map(async (platforms) => {
        const [plan] = await planAll([{ reference, digestFromValues: true }], platforms);
        const [tagged] = await planAll([{ reference: parseReference('r.io/shop/api:1') }], platforms);
        assert.equal(plan?.source, source);
        const isSource = plan.stored.descriptor.digest === source;
        if (!isSource) assert.deepEqual(plan.stored, tagged?.stored);
        return [plan.mode, plan.platforms, isSource];
      }),
    );
    assert.deepEqual(modes, [
      ['platform', ['linux/amd64'], false],
      ['stripped', ['linux/amd64', 'linux/arm64'], false],
      ['complete', ['linux/amd64', 'linux/arm64', 'linux/s390x'], true],
    ]);
  });

  test(`${kind}: single manifests and artifacts stay as they are`, async (t) => {
    const { registry, plan } = await start(kind, t);
    const single = sampleImage({ platform: 'linux/arm/v7', docker: true });
    await pushSample(registry, 'single', '1', single, t);
    const planned = await plan('r.io/single:1', ['linux/arm/v7']);
    assert.deepEqual([planned.mode, planned.platforms], ['complete', ['linux/arm/v7']]);
    assert.equal(planned.size, sizeOf(single));
    await pushSample(registry, 'notes', '1', sampleArtifact('text/notes'), t);
    const artifact = await plan('r.io/notes:1', ['linux/amd64', 'linux/arm64']);
    assert.deepEqual([artifact.mode, artifact.platforms], ['complete', []]);
  });

  test(`${kind}: a platform that is missing is an error that names those there are`, async (t) => {
    const { registry, plan } = await start(kind, t);
    await pushSample(registry, 'index', '1', sampleIndex(['linux/amd64', 'linux/arm64']), t);
    await pushSample(registry, 'single', '1', sampleImage(), t);
    const missing = { code: 'PLATFORM_MISSING', message: /not for linux\/s390x: it exists for linux\/amd64, linux\/arm64$/ };
    await assert.rejects(plan('r.io/index:1', ['linux/amd64', 'linux/s390x']), missing);
    await assert.rejects(plan('r.io/single:1', ['linux/amd64', 'linux/arm64']), {
      code: 'PLATFORM_MISSING',
      message: /not for linux\/arm64: it exists for linux\/amd64$/,
      hint: /take linux\/arm64 out of target\.platforms/,
    });
  });

  test(`${kind}: arm/v7 runs images of arm/v6, and amd64 does not run those of amd64/v3`, async (t) => {
    const { registry, plan } = await start(kind, t);
    await pushSample(registry, 'arm', '1', sampleIndex(['linux/arm/v6', 'linux/arm64/v8']), t);
    assert.deepEqual((await plan('r.io/arm:1', ['linux/arm/v7'])).platforms, ['linux/arm/v6']);
    assert.deepEqual((await plan('r.io/arm:1', ['linux/arm64'])).platforms, ['linux/arm64']);
    await pushSample(registry, 'new', '1', sampleIndex(['linux/amd64/v3']), t);
    await assert.rejects(plan('r.io/new:1', ['linux/amd64']), { code: 'PLATFORM_MISSING' });
  });

  test(`${kind}: children that do not name their platform are asked for it`, async (t) => {
    const { registry, plan } = await start(kind, t);
    const [amd, arm] = [sampleImage(), sampleImage({ platform: 'linux/arm64' })];
    const root = heldJson(ociIndexType, {
      schemaVersion: 2,
      mediaType: ociIndexType,
      manifests: [amd.root.descriptor, arm.root.descriptor],
    });
    const image = { root, manifests: [amd.root, arm.root, root], blobs: [...amd.blobs, ...arm.blobs] };
    await pushSample(registry, 'silent', '1', image, t);
    const planned = await plan('r.io/silent:1', ['linux/arm64']);
    assert.deepEqual([planned.mode, planned.platforms], ['complete', ['linux/amd64', 'linux/arm64']]);
    await assert.rejects(plan('r.io/silent:1', ['linux/s390x']), { code: 'PLATFORM_MISSING' });
  });

  test(`${kind}: a lock brings back what the tag named then`, async (t) => {
    const { registry, plan } = await start(kind, t);
    const [then, now] = [sampleIndex(['linux/amd64', 'linux/arm64']), sampleIndex(['linux/amd64', 'linux/arm64'])];
    await pushSample(registry, 'moved', '1', then, t);
    await pushSample(registry, 'moved', '1', now, t);
    if (kind === 'zot') await pushSample(registry, 'moved', 'kept', then, t); // it forgets what no tag names any more
    const planned = await plan('r.io/moved:1', ['linux/amd64'], then.root.descriptor.digest);
    assert.deepEqual([planned.source, planned.mode], [then.root.descriptor.digest, 'platform']);
    assert.deepEqual(planned.stored.bytes, then.manifests[0]?.bytes);
  });

  test(`${kind}: all that cannot be had is told at once`, async (t) => {
    const { registry, planAll } = await start(kind, t);
    await pushSample(registry, 'good', '1', sampleImage(), t);
    await pushSample(registry, 'arm', '1', sampleImage({ platform: 'linux/arm64' }), t);
    const gone = { reference: parseReference('r.io/good:1'), locked: `sha256:${'0'.repeat(64)}` as const };
    const names = ['r.io/good:1', 'r.io/arm:1', 'r.io/good:2', 'r.io/absent:1'].map((name) => ({
      reference: parseReference(name),
    }));
    const failure: unknown = await planAll([...names, gone], ['linux/amd64']).catch((error) => error);
    assert.ok(failure instanceof Error && 'code' in failure);
    assert.equal(failure.code, 'PLATFORM_MISSING', 'that of the first');
    assert.match(failure.message, /^4 of 5 images cannot be had:\n {2}r\.io\/arm:1 is not for .*\[PLATFORM_MISSING\]/);
    assert.match(failure.message, /r\.io\/good:2: .*\[REGISTRY_NOT_FOUND\]\n {4}.*come near: 1\n/);
    assert.match(failure.message, /r\.io\/absent:1: .*\[REGISTRY_NOT_FOUND\]/);
    assert.match(failure.message, /build once without --locked/);
    const plans = await planAll([{ reference: parseReference('r.io/good:1') }], ['linux/amd64']);
    assert.equal(plans[0]?.mode, 'complete');
  });
}

test('a registry that is down is told once, however many images it has', async (t) => {
  const running = await startRegistry('memory', t);
  await running.stop();
  const registry = openRegistry(running, { retry: { baseMs: 5 } });
  t.after(() => registry.close());
  const requests = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ reference: parseReference(`r.io/${name}:1`) }));
  const options = { locate: () => ({ registry, repository: 'x' }), platforms: ['linux/amd64'], signal: t.signal };
  await assert.rejects(planImages(requests, options), {
    code: 'REGISTRY_UNREACHABLE',
    message: /^5 of 5 images cannot be had:\n {2}5 images \(r\.io\/a:1, r\.io\/b:1, r\.io\/c:1, …\): .*nothing listens there/,
  });
});
