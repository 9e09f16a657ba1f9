import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { TestContext } from 'node:test';
import type { MemoryRegistry } from '../registries/memory-registry.ts';
import { reply, sendReply } from '../registries/reply.ts';
import { heldJson, noise } from '../registries/sample-images.ts';
import { registryOf } from '../src/workshop.ts';

const noisy = noise('a block that repeats', 1 << 20);

/** A layer of one block again and again: its bytes are never held. */
export interface Layer {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly block: Buffer;
}

/** A layer of so many bytes; of noise, unless another block is given. */
export function layerOf(size: number, block: Buffer = noisy): Layer {
  const hash = createHash('sha256');
  for (const chunk of chunksOf({ size, block })) hash.update(chunk);
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: `sha256:${hash.digest('hex')}`, size, block };
}

function* chunksOf({ size, block }: Pick<Layer, 'size' | 'block'>): Generator<Buffer> {
  for (let rest = size; rest > 0; rest -= block.length) yield block.subarray(0, Math.min(rest, block.length));
}

/** Has the image `shop/big:1` of these layers. */
export async function bigRegistry(t: TestContext, layers: readonly Layer[]): Promise<MemoryRegistry> {
  const registry = await registryOf(t, {
    async intercept(request: IncomingMessage, response: ServerResponse) {
      const layer = layers.find(({ digest }) => request.method === 'GET' && request.url?.endsWith(digest));
      if (layer === undefined) return false;
      response.writeHead(200, { 'content-length': layer.size });
      await pipeline(Readable.from(chunksOf(layer), { objectMode: false }), response);
      return true;
    },
  });
  const descriptors = layers.map(({ block: _, ...descriptor }) => descriptor);
  const diffIds = layers.map(({ digest }) => digest);
  const config = heldJson('application/vnd.oci.image.config.v1+json', {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: diffIds },
  });
  registry.store.putBlob('shop/big', config.bytes);
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const { bytes } = heldJson(mediaType, { schemaVersion: 2, mediaType, config: config.descriptor, layers: descriptors });
  registry.store.putManifest('shop/big', '1', { mediaType, bytes });
  return registry;
}

/** A registry that hashes large blobs and forgets their bytes. */
export async function sinkRegistry(t: TestContext): Promise<MemoryRegistry> {
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
