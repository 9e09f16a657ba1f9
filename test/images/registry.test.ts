import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type BlobBody, bytesBody } from '../../images/registry/blob-body.ts';
import { openRegistry, type Registry } from '../../images/registry/registry.ts';
import { below } from '../registries/below.ts';
import { held, noise, pushSample, sampleArtifact, sampleImage, sampleIndex } from '../registries/sample-images.ts';
import {
  type RegistryKind,
  type RunningRegistry,
  registryKinds,
  type StartOptions,
  securedKinds,
  startRegistry,
} from '../registries/start-registry.ts';

function open(running: RunningRegistry, t: TestContext, password = running.user?.password): Registry {
  const { host, plainHttp, ca, user } = running;
  const credentials = async () => user && { from: 'the test', username: user.username, password: password ?? '' };
  const registry = openRegistry({ host, plainHttp, credentials, ...(ca === undefined ? {} : { ca }) }, { retry: { baseMs: 5 } });
  t.after(() => registry.close());
  return below(running.prefix, registry);
}

async function start(kind: RegistryKind, t: TestContext, options: StartOptions = {}): Promise<Registry> {
  return open(await startRegistry(kind, t, options), t);
}

for (const kind of registryKinds) {
  test(`${kind}: an index that was pushed is pulled byte for byte`, async (t) => {
    const registry = await start(kind, t);
    const image = sampleIndex(['linux/amd64', 'linux/arm64'], { layers: [3000, 200_000] });
    await pushSample(registry, 'shop/api', '1.0', image, t);
    const root = await registry.fetchManifest('shop/api', '1.0', t);
    assert.deepEqual(root, image.root);
    for (const manifest of image.manifests) {
      assert.deepEqual((await registry.fetchManifest('shop/api', manifest.descriptor.digest, t)).bytes, manifest.bytes);
    }
    for (const { descriptor, bytes } of image.blobs) {
      assert.deepEqual(await registry.fetchBlob('shop/api', descriptor, t), bytes);
    }
  });

  test(`${kind}: Docker's media types survive`, async (t) => {
    const registry = await start(kind, t);
    const image = sampleIndex(['linux/amd64'], { docker: true });
    await pushSample(registry, 'shop/api', 'docker', image, t);
    assert.deepEqual(await registry.headManifest('shop/api', 'docker', t), image.root.descriptor);
    assert.deepEqual(await registry.fetchManifest('shop/api', 'docker', t), image.root);
  });

  test(`${kind}: an artifact that is no image travels`, async (t) => {
    const registry = await start(kind, t);
    const artifact = sampleArtifact('application/vnd.example.notes');
    await pushSample(registry, 'shop/notes', '1', artifact, t);
    assert.deepEqual(await registry.fetchManifest('shop/notes', '1', t), artifact.root);
  });

  test(`${kind}: a blob of many chunks arrives whole, in order, at its positions`, async (t) => {
    const registry = await start(kind, t);
    const blob = held('application/octet-stream', noise('many chunks', 5_300_001));
    await registry.pushBlob('big', blob.descriptor, bytesBody(blob.bytes, blob.descriptor), t);
    const file = Buffer.alloc(blob.bytes.length);
    const positions: number[] = [];
    const write = async (chunk: Buffer, position: number): Promise<void> => {
      positions.push(position);
      await new Promise(setImmediate); // a slow disk: the chunk must not change under our hands
      chunk.copy(file, position);
    };
    await registry.pullBlob('big', blob.descriptor, { write }, t);
    assert.ok(file.equals(blob.bytes));
    assert.deepEqual(
      positions,
      [0, 1, 2, 3, 4, 5].map((index) => index << 20),
    );
  });

  test(`${kind}: a blob is pushed once, found the second time, and mounted elsewhere`, async (t) => {
    const registry = await start(kind, t);
    const blob = held('application/octet-stream', noise('mounted', 40_000));
    let opened = 0;
    const bytes = bytesBody(blob.bytes, blob.descriptor);
    const body: BlobBody = {
      ...bytes,
      open: (...range) => {
        opened += 1;
        return bytes.open(...range);
      },
    };
    const { digest } = blob.descriptor;
    assert.equal(await registry.hasBlob('one', digest, t), false);
    assert.equal(await registry.pushBlob('one', blob.descriptor, body, t), 'pushed');
    assert.equal(await registry.pushBlob('one', blob.descriptor, body, t), 'present');
    const elsewhere = await registry.pushBlob('two', blob.descriptor, body, { ...t, signal: t.signal, mountFrom: 'one' });
    assert.ok(['crane', 'zot'].includes(kind) ? ['present', 'mounted'].includes(elsewhere) : elsewhere === 'mounted', elsewhere);
    assert.equal(opened, 1);
    assert.equal(await registry.hasBlob('two', digest, t), true);
  });

  test(`${kind}: an empty blob is a blob`, async (t) => {
    const registry = await start(kind, t);
    const empty = held('application/octet-stream', Buffer.alloc(0));
    assert.equal(await registry.pushBlob('empty', empty.descriptor, bytesBody(empty.bytes, empty.descriptor), t), 'pushed');
    assert.equal((await registry.fetchBlob('empty', empty.descriptor, t)).length, 0);
  });

  test(`${kind}: what is absent is REGISTRY_NOT_FOUND, and tags that come near are named`, async (t) => {
    const registry = await start(kind, t);
    const image = sampleImage();
    for (const tag of ['6.9.0', '6.9.1', '5.0']) await pushSample(registry, 'podinfo', tag, image, t);
    await assert.rejects(registry.fetchManifest('podinfo', '6.9.2', t), {
      code: 'REGISTRY_NOT_FOUND',
      message: /podinfo:6\.9\.2/,
      hint: /come near: 6\.9\.[01], 6\.9\.[01]/,
    });
    await assert.rejects(registry.fetchManifest('podinf', '6.9.2', t), {
      code: 'REGISTRY_NOT_FOUND',
      hint: /podinf may not exist/,
    });
    await assert.rejects(registry.fetchBlob('podinfo', held('x', Buffer.from('nobody has this')).descriptor, t), {
      code: 'REGISTRY_NOT_FOUND',
    });
    assert.equal(await registry.headManifest('podinfo', '6.9.2', t), 'absent');
  });

  test(`${kind}: a tag that names something else is a conflict, kept, or moved, by policy`, async (t) => {
    const registry = await start(kind, t);
    const [old, fresh] = [sampleImage(), sampleImage()];
    await pushSample(registry, 'shop/api', 'v1', old, t);
    await pushSample(registry, 'shop/api', undefined, fresh, t);
    const push = (policy: 'error' | 'skip' | 'overwrite') =>
      registry.pushTag('shop/api', 'v1', fresh.root, { policy, signal: t.signal });
    await assert.rejects(push('error'), { code: 'TAG_CONFLICT', message: new RegExp(old.root.descriptor.digest) });
    assert.equal(await push('skip'), 'kept');
    assert.deepEqual(await registry.fetchManifest('shop/api', 'v1', t), old.root);
    assert.equal(await push('overwrite'), 'pushed');
    assert.equal(await push('error'), 'present');
    assert.deepEqual(await registry.fetchManifest('shop/api', 'v1', t), fresh.root);
  });

  test(`${kind}: a source that gives other bytes than promised is told from the network`, async (t) => {
    const registry = await start(kind, t);
    const blob = held('application/octet-stream', noise('promised', 100_000));
    const flipped = Buffer.from(blob.bytes);
    flipped[7] = (flipped[7] ?? 0) ^ 1;
    const cases = [
      { code: 'DIGEST_MISMATCH', bytes: flipped },
      { code: 'SIZE_MISMATCH', bytes: blob.bytes.subarray(1) },
      { code: 'SIZE_MISMATCH', bytes: Buffer.concat([blob.bytes, Buffer.from('x')]) },
    ];
    for (const { code, bytes } of cases) {
      await assert.rejects(registry.pushBlob('bad', blob.descriptor, bytesBody(bytes, blob.descriptor), t), { code });
      assert.equal(await registry.hasBlob('bad', blob.descriptor.digest, t), false);
    }
    const broken = new Error('the disk is gone');
    const body: BlobBody = {
      async *open() {
        yield blob.bytes.subarray(0, 10);
        throw broken;
      },
      prove: async () => undefined,
    };
    await assert.rejects(registry.pushBlob('bad', blob.descriptor, body, t), broken);
  });

  test(`${kind}: the right to push is proven without a trace`, async (t) => {
    const registry = await start(kind, t);
    await registry.checkPush('new/repository', t);
    assert.equal(await registry.headManifest('new/repository', 'latest', t), 'absent');
  });

  test(`${kind}: an abort ends a pull at once`, async (t) => {
    const registry = await start(kind, t);
    const blob = held('application/octet-stream', noise('aborted', 3 << 20));
    await registry.pushBlob('big', blob.descriptor, bytesBody(blob.bytes, blob.descriptor), t);
    const controller = new AbortController();
    const reason = new Error('enough');
    const write = async () => controller.abort(reason);
    await assert.rejects(registry.pullBlob('big', blob.descriptor, { write }, { signal: controller.signal }), reason);
  });
}

for (const kind of securedKinds) {
  test(`${kind}: TLS of a CA of our own, and a user with a password`, async (t) => {
    const registry = await start(kind, t, { tls: true, users: true });
    const image = sampleImage({ layers: [500_000] });
    await registry.checkPush('shop/api', t);
    await pushSample(registry, 'shop/api', '1', image, t);
    assert.deepEqual(await registry.fetchManifest('shop/api', '1', t), image.root);
    for (const { descriptor, bytes } of image.blobs) assert.deepEqual(await registry.fetchBlob('shop/api', descriptor, t), bytes);
  });

  test(`${kind}: a wrong password is REGISTRY_DENIED and says whose it was, not what it was`, async (t) => {
    const registry = open(await startRegistry(kind, t, { users: true }), t, 'wr0ng-secret');
    for (const attempt of [() => registry.fetchManifest('a', '1', t), () => registry.checkPush('a', t)]) {
      const error = await attempt().then(
        () => undefined,
        (failure: unknown) => failure,
      );
      assert.ok(error instanceof Error && 'code' in error && 'hint' in error, String(error));
      assert.equal(error.code, 'REGISTRY_DENIED');
      assert.match(String(error.hint), /credentials of the test were used/);
      assert.doesNotMatch(`${error.message} ${error.hint}`, /wr0ng-secret|porter/);
    }
  });

  test(`${kind}: without credentials it is REGISTRY_DENIED and says how to give them`, async (t) => {
    const { user: _, ...running } = await startRegistry(kind, t, { users: true });
    await assert.rejects(open(running, t).fetchManifest('a', '1', t), { code: 'REGISTRY_DENIED', hint: /docker login/ });
  });

  test(`${kind}: a certificate that nobody trusts is REGISTRY_UNTRUSTED and names the issuer and the line to add`, async (t) => {
    const { ca: _, ...running } = await startRegistry(kind, t, { tls: true });
    await assert.rejects(open(running, t).fetchManifest('a', '1', t), {
      code: 'REGISTRY_UNTRUSTED',
      message: /issued by "diolkos test CA/,
      hint: /ca: ca\.pem/,
    });
  });

  test(`${kind}: https to a plain registry, and http to a TLS one, are told`, async (t) => {
    const plain = await startRegistry(kind, t);
    await assert.rejects(open({ ...plain, plainHttp: false }, t).fetchManifest('a', '1', t), {
      code: 'REGISTRY_UNREACHABLE',
      message: /does not speak https/,
      hint: /plainHttp: true/,
    });
    const secure = await startRegistry(kind, t, { tls: true });
    await assert.rejects(open({ ...secure, plainHttp: true }, t).fetchManifest('a', '1', t), {
      code: 'REGISTRY_UNREACHABLE',
      message: /speaks https/,
      hint: /remove "plainHttp/,
    });
  });
}
