import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { complaint, reply, sendReply } from '../registries/reply.ts';
import { type SampleImage, sampleImage } from '../registries/sample-images.ts';
import { assertDone, assertFailed, assertLeft, type CliRun, runCli } from './cli.ts';
import { chartFiles, folderWith, registryOf, seed, sha256Of, specYaml } from './workshop.ts';

/** What the registry does to a request for the layer; `asked` counts from 1. */
type Fault = (request: IncomingMessage, response: ServerResponse, layer: Buffer, asked: number) => boolean;

/** Of the bundles that were built; all are of the same image. */
const sums = new Set<string>();

const passing: readonly { readonly name: string; readonly fault: Fault }[] = [
  { name: 'a registry without trouble', fault: () => false },
  {
    name: 'a layer that is cut in the middle goes on where it stopped',
    fault: (request, response, layer, asked) => {
      if (asked > 1) {
        assert.equal(request.headers.range, `bytes=${layer.length >> 1}-`);
        return false;
      }
      response.writeHead(200, { 'content-length': layer.length });
      response.write(layer.subarray(0, layer.length >> 1), () => setTimeout(() => response.destroy(), 50));
      return true;
    },
  },
  {
    name: 'a registry that is busy is asked again when it says',
    fault: (request, response, _layer, asked) => {
      if (asked > 2) return false;
      sendReply(request, response, complaint(429, 'TOOMANYREQUESTS', 'slow down', { 'retry-after': '0' }));
      return true;
    },
  },
  {
    name: 'a registry that fails once is asked again',
    fault: (request, response, _layer, asked) => {
      if (asked > 1) return false;
      sendReply(request, response, reply(500, { 'retry-after': '0' }));
      return true;
    },
  },
];

const lasting: readonly {
  readonly name: string;
  readonly fault: Fault;
  readonly error: string;
  readonly says: readonly (string | RegExp)[];
}[] = [
  {
    name: 'wrong bytes',
    fault: (request, response, layer) => {
      sendReply(request, response, reply(200, {}, Buffer.alloc(layer.length, 7)));
      return true;
    },
    error: 'DIGEST_MISMATCH',
    says: [
      /127\.0\.0\.1:\d+\/shop\/api serves other bytes for sha256:\w{64}/,
      'what it stores is damaged, or a proxy changes it',
    ],
  },
  {
    name: 'too many bytes',
    fault: (request, response, layer) => {
      sendReply(request, response, reply(200, {}, Buffer.concat([layer, layer])));
      return true;
    },
    error: 'SIZE_MISMATCH',
    says: [/for sha256:\w{64}, which has \d+/],
  },
  {
    name: 'no layer at all',
    fault: (request, response) => {
      sendReply(request, response, complaint(404, 'BLOB_UNKNOWN', 'blob unknown to registry'));
      return true;
    },
    error: 'REGISTRY_NOT_FOUND',
    says: [/has no \S*shop\/api\S*sha256:\w{64}: 404 BLOB_UNKNOWN/],
  },
  {
    name: 'a layer that is forbidden',
    fault: (request, response) => {
      sendReply(request, response, complaint(403, 'DENIED', 'pull access denied'));
      return true;
    },
    error: 'REGISTRY_DENIED',
    says: ['shop/api', '403 DENIED: pull access denied'],
  },
  {
    name: 'a registry that is broken for longer than one waits',
    fault: (request, response) => {
      sendReply(request, response, reply(503, { 'retry-after': '9999' }, 'maintenance'));
      return true;
    },
    error: 'REGISTRY_FAILED',
    says: ['503 maintenance', 'try again later'],
  },
];

const image: SampleImage = sampleImage({ seed: 'pulled', layers: [300_000] });

for (const { name, fault } of passing) {
  test(name, async (t) => {
    const folder = await faultyRegistry(t, fault);
    assertDone(await build(folder));
    sums.add(await sha256Of(join(folder, 'shop.tar')));
    assert.equal(sums.size, 1, 'the bytes depend on the trouble there was');
  });
}

for (const { name, fault, error, says } of lasting) {
  test(`${name}: the bundle and the lock that were there stay`, async (t) => {
    const folder = await faultyRegistry(t, fault);
    await writeFile(join(folder, 'shop.tar'), 'the bundle of yesterday');
    await writeFile(join(folder, 'bundle.lock.yaml'), 'the lock of yesterday');
    assertFailed(await build(folder), { error, says });
    // The small blobs may have come before the trouble: they stay for the next build.
    const partial = (await readdir(folder)).filter((file) => file.startsWith('shop.tar.partial'));
    await assertLeft(folder, ['bundle.lock.yaml', 'bundle.yaml', 'chart', 'shop.tar', ...partial]);
    assert.equal(await readFile(join(folder, 'shop.tar'), 'utf8'), 'the bundle of yesterday');
    assert.equal(await readFile(join(folder, 'bundle.lock.yaml'), 'utf8'), 'the lock of yesterday');
  });
}

function build(folder: string): Promise<CliRun> {
  return runCli(['build', 'bundle.yaml', '-o', 'shop.tar'], { folder });
}

/** A registry that spoils its one layer, and a folder to build from it, by a name that does not change with the port. */
async function faultyRegistry(t: TestContext, fault: Fault): Promise<string> {
  const layer = image.blobs.find(({ bytes }) => bytes.length > 200_000);
  let asked = 0;
  const registry = await registryOf(t, {
    intercept(request, response) {
      if (layer === undefined || request.method !== 'GET' || !request.url?.endsWith(layer.descriptor.digest)) return false;
      asked += 1;
      return fault(request, response, layer.bytes, asked);
    },
  });
  await seed(registry, 'shop/api', '1', image);
  const host = 'registry.example.com';
  const spec = specYaml(host).replace(', plainHttp', `, mirror: "${registry.host}", plainHttp`);
  return folderWith(t, { ...chartFiles([`${host}/shop/api:1`]), 'bundle.yaml': spec });
}
