import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type TestContext, test } from 'node:test';
import type { MemoryRegistry } from '../registries/memory-registry.ts';
import { reply, sendReply } from '../registries/reply.ts';
import { heldJson, noise } from '../registries/sample-images.ts';
import { assertDone, runCli } from '../src/cli.ts';
import { chartFiles, folderWith, registryOf, siteYaml, specYaml, tagsOf } from '../src/workshop.ts';
import { isSample } from './series.ts';

const block = noise('a block that repeats', 1 << 20);
/** Bytes of the layers: 3 GB in all, or a tenth of it. */
const sizes = [2_000_000_000, 600_000_000, 300_000_001, 100_000_000].map((size) => Math.floor(size / (isSample ? 10 : 1)));
/** The program itself takes 120 MB of it; what is under way, and what waits to be collected, the rest. */
const memoryLimit = 256e6;

test('memory does not grow with the bundle', { skip: process.platform !== 'linux' && 'VmHWM is of Linux' }, async (t) => {
  const layers = sizes.map(layerOf);
  const connected = await bigRegistry(t, layers);
  const inside = await sinkRegistry(t);
  const folder = await folderWith(t, {
    ...chartFiles([`${connected.host}/shop/big:1`]),
    'bundle.yaml': specYaml(connected.host),
    'site.yaml': siteYaml(inside.host),
  });
  for (const args of [
    ['build', 'bundle.yaml', '-o', 'shop.tar'],
    ['verify', 'shop.tar'],
    ['inspect', 'shop.tar'],
    ['push', 'shop.tar', '--site', 'site.yaml'],
  ]) {
    await t.test(args.join(' '), async (own) => {
      const startedAt = performance.now();
      let peak = () => 0;
      const onStart = (child: ChildProcess) => {
        peak = watchMemory(child);
      };
      assertDone(await runCli(args, { folder, onStart }));
      const seconds = (performance.now() - startedAt) / 1000;
      own.diagnostic(`${(peak() / 1e6).toFixed(0)} MB at most, ${seconds.toFixed(1)} s`);
      assert.ok(peak() > 0 && peak() < memoryLimit, `${peak()} bytes resident`);
    });
  }
  assert.ok((await stat(join(folder, 'shop.tar'))).size > sizes.reduce((sum, size) => sum + size, 0));
  assert.equal(tagsOf(inside).length, 2);
});

/** The most memory that a process has had so far, asked for while it lives. */
function watchMemory(child: ChildProcess): () => number {
  let most = 0;
  const timer = setInterval(() => {
    try {
      const [, kilobytes = '0'] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
      most = Math.max(most, Number(kilobytes) * 1024);
    } catch {
      // it has just ended
    }
  }, 25);
  child.once('exit', () => clearInterval(timer));
  return () => most;
}

interface Layer {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** A layer of one block again and again: its bytes are never held. */
function layerOf(size: number): Layer {
  const hash = createHash('sha256');
  for (const chunk of chunksOf(size)) hash.update(chunk);
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: `sha256:${hash.digest('hex')}`, size };
}

function* chunksOf(size: number): Generator<Buffer> {
  for (let rest = size; rest > 0; rest -= block.length) yield block.subarray(0, Math.min(rest, block.length));
}

async function bigRegistry(t: TestContext, layers: readonly Layer[]): Promise<MemoryRegistry> {
  const registry = await registryOf(t, {
    async intercept(request: IncomingMessage, response: ServerResponse) {
      const layer = layers.find(({ digest }) => request.method === 'GET' && request.url?.endsWith(digest));
      if (layer === undefined) return false;
      response.writeHead(200, { 'content-length': layer.size });
      await pipeline(Readable.from(chunksOf(layer.size), { objectMode: false }), response);
      return true;
    },
  });
  const diffIds = layers.map(({ digest }) => digest);
  const config = heldJson('application/vnd.oci.image.config.v1+json', {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: diffIds },
  });
  registry.store.putBlob('shop/big', config.bytes);
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const { bytes } = heldJson(mediaType, { schemaVersion: 2, mediaType, config: config.descriptor, layers });
  registry.store.putManifest('shop/big', '1', { mediaType, bytes });
  return registry;
}

/** A registry that hashes large blobs and forgets their bytes. */
async function sinkRegistry(t: TestContext): Promise<MemoryRegistry> {
  const registry = await registryOf(t, {
    async intercept(request: IncomingMessage, response: ServerResponse) {
      const url = new URL(request.url ?? '/', 'http://inside');
      const [, name = ''] = /^\/v2\/(.+)\/blobs\/uploads\//.exec(url.pathname) ?? [];
      const wanted = url.searchParams.get('digest');
      if (request.method !== 'PUT' || wanted === null || Number(request.headers['content-length'] ?? 0) < 1_000_000) return false;
      const hash = createHash('sha256');
      for await (const chunk of request) hash.update(chunk);
      assert.equal(`sha256:${hash.digest('hex')}`, wanted);
      registry.store.blobs.set(wanted, Buffer.alloc(0));
      registry.store.repository(name).blobs.add(wanted);
      sendReply(request, response, reply(201, { location: `/v2/${name}/blobs/${wanted}`, 'docker-content-digest': wanted }));
      return true;
    },
  });
  return registry;
}
