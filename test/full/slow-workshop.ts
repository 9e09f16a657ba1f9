import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { sampleImage } from '../registries/sample-images.ts';
import { chartFiles, folderWith, registryOf, seed, specYaml } from '../src/workshop.ts';

/** A folder to build from, and what its registry has given. */
export interface SlowWorkshop {
  readonly folder: string;
  /** Bytes of the layers and configs. */
  readonly bytes: number;
  /** Bytes of blobs that were given since the last call. */
  served(): number;
}

/** Bytes that are given at a time, and how long it takes. */
const [piece, pieceMs] = [25_000, 60];

/** A registry that gives its blobs so slowly that most of a build is their transfer, also of their rest, and a folder to build from it. */
export async function slowWorkshop(t: TestContext, layers: readonly number[]): Promise<SlowWorkshop> {
  let served = 0;
  const registry = await registryOf(t, {
    async intercept(request: IncomingMessage, response: ServerResponse) {
      const [, digest = ''] = /^\/v2\/shop\/api\/blobs\/(sha256:\w+)$/.exec(request.url ?? '') ?? [];
      const bytes = request.method === 'GET' ? registry.store.blob('shop/api', digest) : undefined;
      if (bytes === undefined) return false;
      const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const range = { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
      response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from, ...(from > 0 ? range : {}) });
      for (let at = from; at < bytes.length && !response.destroyed; at += piece) {
        const chunk = bytes.subarray(at, at + piece);
        response.write(chunk);
        served += chunk.length;
        await sleep(pieceMs);
      }
      response.end();
      return true;
    },
  });
  const image = await seed(registry, 'shop/api', '1.0', sampleImage({ seed: 'slow', layers }));
  const folder = await folderWith(t, {
    ...chartFiles([`${registry.host}/shop/api:1.0`]),
    'bundle.yaml': specYaml(registry.host),
  });
  const bytes = image.blobs.reduce((sum, blob) => sum + blob.bytes.length, 0);
  const take = (): number => {
    const taken = served;
    served = 0;
    return taken;
  };
  return { folder, bytes, served: take };
}
