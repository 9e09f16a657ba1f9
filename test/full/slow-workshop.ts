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
  /** Where requests for the rest of a blob began. */
  readonly continuedAt: readonly number[];
  /** Gives the image other layers. Those that have the same place and size are the same. */
  change(layers: readonly number[]): Promise<void>;
}

/** How long a piece of a blob takes. */
const pieceMs = 60;

/** A registry that gives its blobs so slowly that most of a build is their transfer, also of their rest, and a folder to build from it; `piece` bytes at a time. */
export async function slowWorkshop(t: TestContext, layers: readonly number[], piece = 25_000): Promise<SlowWorkshop> {
  let served = 0;
  const continuedAt: number[] = [];
  const registry = await registryOf(t, {
    async intercept(request: IncomingMessage, response: ServerResponse) {
      const [, digest = ''] = /^\/v2\/shop\/api\/blobs\/(sha256:\w+)$/.exec(request.url ?? '') ?? [];
      const bytes = request.method === 'GET' ? registry.store.blob('shop/api', digest) : undefined;
      if (bytes === undefined) return false;
      const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      if (from > 0) continuedAt.push(from);
      await giveSlowly(response, { bytes, from, piece }, (given) => {
        served += given;
      });
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
  const change = async (next: readonly number[]): Promise<void> => {
    await seed(registry, 'shop/api', '1.0', sampleImage({ seed: 'slow', layers: next }));
  };
  return { folder, bytes, served: take, continuedAt, change };
}

interface Given {
  readonly bytes: Buffer;
  readonly from: number;
  readonly piece: number;
}

async function giveSlowly(
  response: ServerResponse,
  { bytes, from, piece }: Given,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const range = from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {};
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from, ...range });
  for (let at = from; at < bytes.length && !response.destroyed; at += piece) {
    const chunk = bytes.subarray(at, at + piece);
    response.write(chunk);
    onBytes(chunk.length);
    await sleep(pieceMs);
  }
  response.end();
}
