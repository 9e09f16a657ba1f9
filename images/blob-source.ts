import { createHash } from 'node:crypto';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Digest } from '../bundle-spec/names.ts';
import type { Descriptor } from './descriptor.ts';
import { digestFrom, digestOf } from './digest.ts';
import type { Extent } from './extent.ts';
import { sinkWriter } from './place-writer.ts';
import type { ImagePlan, Located } from './plan/image-plan.ts';

/** Takes bytes of a blob; `position` counts from the blob's first byte. The chunk may be reused once the promise is settled. */
export type WriteChunk = (chunk: Buffer, position: number) => Promise<void>;

/** Places in open files where a blob's bytes go. */
export interface FileSink {
  /** Each takes the whole blob. Extents of one place lie one behind the other. */
  readonly places: readonly (readonly Extent[])[];
  /** Told of bytes that are newly on their way to the disk. What has to be pulled again counts again. */
  readonly onBytes?: (bytes: number) => void;
  /** Told how many bytes from the blob's first on stand in all places without a gap, for what is noted of them; an overstatement costs only time. */
  readonly onFrontier?: (bytes: number) => void;
  /** Bytes at the start of the first place that an earlier run left. They are hashed again, not trusted. Default 0. */
  readonly kept?: number;
}

/** Where a blob's bytes go: to files by offset, or, in their order, to a function (a pipe, memory). */
export type BlobSink = FileSink | { readonly write: WriteChunk };

/** What bytes must be. */
export type Identity = Pick<Descriptor, 'digest' | 'size'>;

/** Where blobs come from. */
export interface BlobSource {
  /**
   * Resolves when every byte of a blob is written to all places of the sink and their sha256 is the descriptor's digest. A chunk goes
   * to `write` when the one before it is settled. Throws DIGEST_MISMATCH or SIZE_MISMATCH otherwise; what was written is then worthless.
   */
  pull(descriptor: Descriptor, sink: BlobSink, options: { readonly signal: AbortSignal }): Promise<void>;
}

/** Chunks smaller than this are gathered, so that a disk sees few large writes. */
const gatherSize = 1 << 20;

/**
 * A source that reads a stream from its beginning. With `verified` the stream itself fails when its bytes are not the descriptor's;
 * otherwise they are hashed here. `what` names the source in an error.
 */
export function streamSource(
  open: (
    descriptor: Descriptor,
    options: { readonly signal: AbortSignal },
  ) => AsyncIterable<Buffer> | Promise<AsyncIterable<Buffer>>,
  from: { readonly verified: boolean; readonly what: string },
): BlobSource {
  return {
    async pull(descriptor, sink, { signal }) {
      const write = sinkWriter(sink, descriptor);
      const stream = await open(descriptor, { signal });
      let position = 0;
      for await (const chunk of gathered(from.verified ? stream : verified(stream, descriptor, from.what))) {
        signal.throwIfAborted();
        await write(chunk, position);
        position += chunk.length;
      }
    },
  };
}

/** The blobs of a repository. */
function registrySource({ registry, repository }: Located): BlobSource {
  return { pull: (descriptor, sink, options) => registry.pullBlob(repository, descriptor, sink, options) };
}

/** Who has which blob of the planned images: the first image that needs it, in the order given. */
export function blobSources(plans: readonly Pick<ImagePlan, 'located' | 'blobs'>[]): Map<Digest, BlobSource> {
  const sources = new Map<Digest, BlobSource>();
  for (const { located, blobs } of plans) {
    const source = registrySource(located);
    for (const { digest } of blobs) if (!sources.has(digest)) sources.set(digest, source);
  }
  return sources;
}

/** Passes `stream` on and throws at its end, before the last chunk, unless size and digest are the descriptor's. */
export async function* verified(stream: AsyncIterable<Buffer>, expected: Identity, what: string): AsyncIterable<Buffer> {
  const hash = createHash('sha256');
  let held: Buffer | undefined;
  let size = 0;
  for await (const chunk of stream) {
    if (held !== undefined) yield held;
    size += chunk.length;
    if (size > expected.size) throw wrongSize(what, expected, `more than ${expected.size}`);
    hash.update(chunk);
    held = chunk;
  }
  compare({ size, digest: digestFrom(hash) }, expected, what);
  if (held !== undefined) yield held;
}

/** Throws as `verified` does, for bytes at hand. */
export function verifyBytes(bytes: Buffer, expected: Identity, what: string): void {
  compare({ size: bytes.length, digest: digestOf(bytes) }, expected, what);
}

function compare(found: Identity, expected: Identity, what: string): void {
  if (found.size !== expected.size) throw wrongSize(what, expected, String(found.size));
  if (found.digest === expected.digest) return;
  throw new BundleError('DIGEST_MISMATCH', `${what} holds other bytes under ${expected.digest}: their digest is ${found.digest}`);
}

function wrongSize(what: string, expected: Identity, found: string): BundleError {
  return new BundleError('SIZE_MISMATCH', `${what} gave ${found} bytes for ${expected.digest}, which has ${expected.size}`);
}

async function* gathered(stream: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  let chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    size += chunk.length;
    if (size < gatherSize) continue;
    yield chunks.length === 1 ? chunk : Buffer.concat(chunks, size);
    chunks = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(chunks, size);
}
