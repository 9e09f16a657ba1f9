import assert from 'node:assert/strict';
import { open, truncate } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BundleFile } from '../../images/bundle/bundle-reader.ts';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { type PushEvent, pushBundle } from '../../images/push/push-bundle.ts';
import type { TagPolicy } from '../../images/registry/registry.ts';
import { openRegistry, type Registry } from '../../images/registry/registry.ts';
import { type MemoryOptions, type MemoryRegistry, startMemoryRegistry } from '../registries/memory-registry.ts';
import { complaint, sendReply } from '../registries/reply.ts';
import { sampleImage, sampleIndex } from '../registries/sample-images.ts';
import { testUser } from '../registries/start-registry.ts';
import { makeSamples, type NamedSample, writeShop } from './sample-bundle.ts';

const prefix = 'apps/shop';
const api = `${prefix}/registry.example/shop/api`;
const chart = `${prefix}/charts/shop`;

test('every image and chart of a bundle arrives under its local name with its digest', async (t) => {
  const world = await start(t);
  const report = await world.push();
  assert.deepEqual(
    report.items.map(
      ({ kind, name, local, outcome }) => `${kind} ${name} ${local.replace(world.memory.host, 'HOST')} ${outcome}`,
    ),
    [
      `image registry.example/shop/api:1 HOST/${api}:1 pushed`,
      `image docker.io/library/api-too:1 HOST/${prefix}/docker.io/library/api-too:1 pushed`,
      `image docker.io/library/web:2 HOST/${prefix}/docker.io/library/web:2 pushed`,
      `image registry.example/diolkos/installer:1 HOST/${prefix}/registry.example/diolkos/installer:1 pushed`,
      `chart shop 1.0.0+1 HOST/${chart}:1.0.0_1 pushed`,
    ],
  );
  for (const { local, digest } of report.items) {
    const [, repository = '', tag = ''] = /^[^/]+\/(.*):(.*)$/.exec(local) ?? [];
    const { descriptor } = await world.registry.fetchManifest(repository, tag, { signal: t.signal });
    assert.equal(descriptor.digest, digest);
  }
});

test('each blob is sent once and mounted wherever else it is needed', async (t) => {
  const world = await start(t);
  const report = await world.push();
  const sent = world.memory.requests.filter(({ method, url }) => method === 'PUT' && url.includes('/blobs/uploads/'));
  const held = new Set([...world.memory.store.blobs.keys()]);
  assert.equal(sent.length, held.size);
  assert.equal(report.blobsPushed, held.size);
  assert.ok(report.blobsMounted > 0);
  assert.equal(
    report.bytesPushed,
    [...world.memory.store.blobs.values()].reduce((sum, bytes) => sum + bytes.length, 0),
  );
});

test('a second push asks and sends nothing', async (t) => {
  const world = await start(t);
  await world.push();
  world.memory.requests.length = 0;
  const report = await world.push();
  assert.deepEqual(new Set(report.items.map(({ outcome }) => outcome)), new Set(['present']));
  assert.deepEqual(new Set(world.memory.requests.map(({ method }) => method)), new Set(['HEAD']));
  assert.equal(world.memory.requests.length, report.items.length);
  assert.equal(report.blobsPushed + report.blobsMounted + report.blobsPresent, 0);
});

test('what another tag of the target has is mounted from there', async (t) => {
  const world = await start(t, { samples: [['a.example/one:1', sampleImage({ seed: 'base', layers: [5_000] })]] });
  await world.push();
  const next = await bundleOf(t, [
    ['a.example/one:1', sampleImage({ seed: 'base', layers: [5_000] })],
    ['a.example/two:1', sampleImage({ seed: 'base', layers: [5_000, 100] })],
  ]);
  const report = await pushBundle(next, world.registry, { host: world.memory.host, prefix }, { signal: t.signal });
  assert.equal(report.blobsMounted, 1);
  assert.equal(report.blobsPushed, 2);
});

test('tags come last, and the events tell every byte', async (t) => {
  const world = await start(t);
  const events: PushEvent[] = [];
  await world.push({ onEvent: (event) => events.push(event) });
  const puts = world.memory.requests.filter(({ method }) => method === 'PUT').map(({ url }) => url);
  const firstTag = puts.findIndex((url) => /\/manifests\/[^:]*$/.test(url));
  const lastOther = puts.findLastIndex((url) => !/\/manifests\/[^:]*$/.test(url));
  assert.ok(firstTag > lastOther);
  const [planned] = events;
  assert.ok(planned?.type === 'planned');
  assert.equal(
    events.reduce((sum, event) => sum + (event.type === 'progress' ? event.bytes : 0), 0),
    planned.bytes,
  );
  assert.equal(events.filter(({ type }) => type === 'item').length, 5);
});

test('a push that stops at any request leaves no tag without its bytes, and the next one ends it', async (t) => {
  const bundle = await bundleOf(t, [
    ['a.example/one:1', sampleImage({ seed: 'base', layers: [500] })],
    ['a.example/two:1', sampleIndex(['linux/amd64', 'linux/arm64'], { seed: 'base', layers: [500, 100] })],
  ]);
  const whole = await start(t, { bundle });
  await whole.push({ concurrency: 1 });
  for (let stop = 1; stop <= whole.memory.requests.length; stop += 1) {
    const abort = new AbortController();
    let seen = 0;
    const intercept = () => {
      seen += 1;
      if (seen === stop) abort.abort(new Error('enough'));
      return false;
    };
    const world = await start(t, { bundle, intercept });
    await assert.rejects(world.push({ signal: abort.signal, concurrency: 1 }), /enough/, `stopped at request ${stop}`);
    assertWhole(world.memory);
    await world.push();
    assert.equal(tagsOf(world.memory).length, 3);
    assertWhole(world.memory);
  }
});

const policies: readonly { readonly policy: TagPolicy; readonly outcome: string; readonly moved: boolean }[] = [
  { policy: 'overwrite', outcome: 'pushed', moved: true },
  { policy: 'skip', outcome: 'kept', moved: false },
];
for (const { policy, outcome, moved } of policies) {
  test(`a tag that is taken is ${outcome} by policy ${policy}`, async (t) => {
    const world = await start(t);
    const other = world.memory.store.putManifest(api, '1', {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      bytes: Buffer.from('{}'),
    });
    const report = await world.push({ onTagConflict: policy });
    assert.equal(report.items[0]?.outcome, outcome);
    assert.equal(world.memory.store.repository(api).tags.get('1') !== other, moved);
    assert.equal(tagsOf(world.memory).length, 5);
  });
}

test('tags that are taken are refused together, before anything is sent', async (t) => {
  const world = await start(t);
  for (const [repository, tag] of [
    [api, '1'],
    [chart, '1.0.0_1'],
  ] as const) {
    world.memory.store.putManifest(repository, tag, {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      bytes: Buffer.from('{}'),
    });
  }
  await assert.rejects(world.push(), { code: 'TAG_CONFLICT', message: /shop\/api:1, .*charts\/shop:1.0.0_1/ });
  assert.deepEqual(new Set(world.memory.requests.map(({ method }) => method)), new Set(['HEAD']));
});

test('a reference with a digest is pushed by it, and takes its tag only where it is free', async (t) => {
  const image = sampleImage();
  const reference = `a.example/one:1@${image.root.descriptor.digest}`;
  const free = await start(t, { samples: [[reference, image]] });
  await free.push();
  assert.deepEqual(tagsOf(free.memory), [`${prefix}/a.example/one:1`, `${chart}:1.0.0_1`]);
  const taken = await start(t, {
    samples: [
      [reference, image],
      ['a.example/one:1', sampleImage()],
    ],
  });
  for (const expected of ['pushed', 'present']) {
    const { items } = await taken.push();
    assert.deepEqual(
      items.map(({ outcome }) => outcome),
      [expected, expected, expected],
    );
  }
  const { digest } = image.root.descriptor;
  assert.notEqual(taken.memory.store.manifest(`${prefix}/a.example/one`, '1')?.digest, digest);
  assert.equal(taken.memory.store.manifest(`${prefix}/a.example/one`, digest)?.digest, digest);
});

test('two images that would be one are refused', async (t) => {
  const bundle = await bundleOf(t, [
    ['a.example/one:1', sampleImage()],
    ['a.example/one:1', sampleImage()],
  ]);
  const world = await start(t);
  const target = { host: world.memory.host, prefix };
  await assert.rejects(pushBundle(bundle, world.registry, target, { signal: t.signal }), {
    code: 'NAME_COLLISION',
    message: /a.example\/one:1/,
  });
});

test('a damaged blob is found on its way, and no tag needs it', async (t) => {
  const world = await start(t);
  const [large] = [...world.bundle.blobs.values()].sort((a, b) => b.size - a.size);
  const handle = await open(world.bundle.path, 'r+');
  await handle.write(Buffer.from('damage'), 0, 6, (large?.position ?? 0) + 100);
  await handle.close();
  const message = new RegExp(`${large?.name}.*needed by registry\\.example/shop/api:1, docker\\.io/library/api-too:1$`);
  await assert.rejects(world.push(), { code: 'BUNDLE_DAMAGED', message });
  assert.deepEqual(tagsOf(world.memory), []);
});

test('a bundle that ends early while it is pushed is told as that', async (t) => {
  const world = await start(t);
  await truncate(world.bundle.path, world.bundle.size - 2_000_000);
  await assert.rejects(world.push(), { code: /BUNDLE_/, message: /shop\.tar|file ends/ });
  assert.deepEqual(tagsOf(world.memory), []);
});

test('blobs of a repository whose manifest is there are not asked for again', async (t) => {
  const world = await start(t, { samples: [['a.example/one:1', sampleImage({ seed: 'base', layers: [5_000] })]] });
  await world.push();
  const next = await bundleOf(t, [
    ['a.example/one:1', sampleImage({ seed: 'base', layers: [5_000] })],
    ['a.example/one:2', sampleImage({ seed: 'base', layers: [5_000, 100] })],
  ]);
  world.memory.requests.length = 0;
  const report = await pushBundle(next, world.registry, { host: world.memory.host, prefix }, { signal: t.signal });
  assert.deepEqual([report.blobsPresent, report.blobsMounted, report.blobsPushed], [1, 0, 2]);
  assert.equal(world.memory.requests.filter(({ method, url }) => method === 'HEAD' && url.includes('/blobs/')).length, 2);
});

test('a blob is mounted from the repository whose path is nearest', async (t) => {
  const base = { seed: 'base', layers: [5_000] };
  const world = await start(t, {
    samples: [
      ['a.example/far:1', sampleImage(base)],
      ['b.example/team/near:1', sampleImage({ ...base, layers: [5_000, 7] })],
    ],
  });
  await world.push();
  const next = await bundleOf(t, [
    ['a.example/far:1', sampleImage(base)],
    ['b.example/team/near:1', sampleImage({ ...base, layers: [5_000, 7] })],
    ['b.example/team/new:1', sampleImage({ ...base, layers: [5_000, 8] })],
  ]);
  world.memory.requests.length = 0;
  await pushBundle(next, world.registry, { host: world.memory.host, prefix }, { signal: t.signal });
  const mounts = world.memory.requests.flatMap(({ url }) => /[?&]from=([^&]*)/.exec(url)?.[1] ?? []);
  assert.deepEqual(mounts.map(decodeURIComponent), [`${prefix}/b.example/team/near`]);
});

test('small blobs and questions do not wait for each other: far away they would cost a round trip each', async (t) => {
  let now = 0;
  let most = 0;
  const layers = Array.from({ length: 40 }, (_, index) => 100 + index);
  const world = await start(t, {
    samples: [['a.example/one:1', sampleImage({ layers })]],
    intercept: async () => {
      now += 1;
      most = Math.max(most, now);
      await sleep(20);
      now -= 1;
      return false;
    },
  });
  await world.push();
  assert.ok(most >= 10, `${most} requests at once`);
  assert.ok(most <= 16, `${most} requests at once`);
});

test('without credentials it is the push that is refused', async (t) => {
  const world = await start(t, { user: testUser });
  await assert.rejects(world.push(), { code: 'REGISTRY_DENIED', message: /refused the push of/, hint: /docker login/ });
});

test('a tag that the registry keeps immutable, and that it did not tell of, is left by policy skip', async (t) => {
  const world = await start(t, {
    intercept: (request, response) => {
      const isTag = request.method === 'PUT' && request.url?.endsWith(`${api}/manifests/1`) === true;
      if (isTag) sendReply(request, response, complaint(412, 'PRECONDITION', 'immutable tag'));
      return isTag;
    },
  });
  await assert.rejects(world.push(), { code: 'TAG_CONFLICT', message: /immutable/ });
  const { items } = await world.push({ onTagConflict: 'skip' });
  assert.equal(items[0]?.outcome, 'kept');
});

test('a second push of 100 images asks once for each', async (t) => {
  const samples = Array.from(
    { length: 100 },
    (_, index): NamedSample => [`a.example/${index}:1`, sampleImage({ seed: 'base', layers: [300, 301 + index] })],
  );
  const world = await start(t, { samples });
  await world.push();
  world.memory.requests.length = 0;
  const { items } = await world.push();
  assert.ok(items.every(({ outcome }) => outcome === 'present'));
  assert.equal(world.memory.requests.length, items.length);
});

test('a registry that sees blobs late is given them again once', async (t) => {
  let refusals = 1;
  const world = await start(t, {
    intercept: (request, response) => {
      if (request.method !== 'PUT' || !request.url?.includes('/manifests/') || refusals === 0) return false;
      refusals -= 1;
      sendReply(request, response, complaint(400, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry'));
      return true;
    },
  });
  await world.push();
  assert.equal(tagsOf(world.memory).length, 5);
  assertWhole(world.memory);
});

test('a registry that refuses a manifest for good ends the push', async (t) => {
  const intercept = (request: IncomingMessage, response: ServerResponse) => {
    if (request.method !== 'PUT' || !request.url?.includes('/manifests/')) return false;
    sendReply(request, response, complaint(400, 'MANIFEST_INVALID', 'not here'));
    return true;
  };
  const world = await start(t, { intercept });
  await assert.rejects(world.push(), { code: 'REGISTRY_FAILED', message: /not here/ });
  assert.deepEqual(tagsOf(world.memory), []);
});

interface World {
  readonly memory: MemoryRegistry;
  readonly registry: Registry;
  readonly bundle: BundleFile;
  push(options?: Partial<Parameters<typeof pushBundle>[3]>): ReturnType<typeof pushBundle>;
}

interface Start extends MemoryOptions {
  readonly samples?: readonly NamedSample[];
  readonly bundle?: BundleFile;
}

/** A registry of its own, and a bundle to push to it. */
async function start(t: TestContext, { samples, bundle: made, ...options }: Start = {}): Promise<World> {
  const memory = await startMemoryRegistry(options);
  t.after(() => memory.stop().catch(() => undefined));
  const registry = openRegistry({ host: memory.host, plainHttp: true });
  t.after(() => registry.close());
  const bundle = made ?? (await bundleOf(t, samples));
  const target = { host: memory.host, prefix };
  return { memory, registry, bundle, push: (more) => pushBundle(bundle, registry, target, { signal: t.signal, ...more }) };
}

async function bundleOf(t: TestContext, samples?: readonly NamedSample[]): Promise<BundleFile> {
  const { file } = await writeShop(t, samples && (await makeSamples(samples)));
  const bundle = await openBundle(file, { signal: t.signal });
  t.after(() => bundle.close());
  return bundle;
}

function tagsOf({ store }: MemoryRegistry): string[] {
  return [...store.repositories].flatMap(([name, { tags }]) => [...tags.keys()].map((tag) => `${name}:${tag}`)).sort();
}

/** Everything that a tag reaches is there. The registry of the tests refuses a manifest whose parts are not, so the root is enough. */
function assertWhole({ store }: MemoryRegistry): void {
  for (const [name, { tags, manifests }] of store.repositories) {
    for (const digest of tags.values()) assert.ok(manifests.has(digest), `${name} has a tag on ${digest}, which is absent`);
  }
}
