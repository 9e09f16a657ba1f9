import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { BundleJson } from '../../bundle-spec/bundle-json.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import type { WriteChunk } from '../blob-source.ts';
import { type BundleLayout, sealedBodies } from '../bundle/bundle-layout.ts';
import { blockSize, tarHeader } from '../bundle/tar-header.ts';
import type { TarContent } from '../bundle/tar-layout.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { Descriptor } from '../descriptor.ts';
import type { Extent } from '../extent.ts';
import { streamExtents } from '../extent-reader.ts';
import { openTransfers } from '../transfer/transfers.ts';
import { type ArchiveCopy, openArchiveCopy } from './archive-copy.ts';
import { BlobsAhead } from './blobs-ahead.ts';
import type { WriteOptions } from './bundle-writer.ts';
import { completeJson } from './seal-bundle.ts';
import { tarPieces } from './tar-pieces.ts';

/** Takes the next bytes of the tar; they may be reused once the promise is settled. */
export type TakeBytes = (bytes: Buffer) => Promise<void>;

/** Of `WriteOptions` what makes sense where nothing can be read back or written twice. */
export type StreamOptions = Pick<WriteOptions, 'sources' | 'signal' | 'onEvent' | 'sign' | 'transfers'>;

/**
 * Gives the bytes of the bundle from first to last to `take`, the same as `writeBundle` writes: for a pipe. Only what bundle.json has
 * to know in front, the tar of the installer image, is fetched before, to a temporary file. An error leaves a tar that ends too
 * early, which no reader takes for whole. Throws what `take` and the sources throw, DISK_FULL (of the temporary file).
 */
export async function streamBundle(layout: BundleLayout, take: TakeBytes, options: StreamOptions): Promise<BundleJson> {
  const { signal, transfers = openTransfers() } = options;
  const copy = await openArchiveCopy(layout, { ...options, transfers });
  try {
    tellPlan(layout, options);
    await copy.fetch();
    const hash = (position: number) => transfers.hash(copy.archive(position), { signal });
    const json = await completeJson(layout, hash);
    const bytes = canonicalJson(json);
    const sealed = sealedBodies(bytes, json.signature, await options.sign?.(bytes, { signal }));
    const bodies = new Map(sealed.map((body) => [body.name, body.bytes]));
    const ahead = blobsAhead(layout, copy, options);
    try {
      await giveFiles({ ...options, layout, take, copy: copy.archive, blob: copy.blob, bodies, ahead });
    } finally {
      await ahead.close();
    }
    return json;
  } finally {
    await copy.close();
    if (options.transfers === undefined) await transfers.close();
  }
}

function tellPlan(layout: BundleLayout, { onEvent }: StreamOptions): void {
  const wanted = new Set([...tarPieces(layout)].flatMap(({ content }) => (content.from === 'blob' ? content.digest : [])));
  const bytes = [...wanted].reduce((sum, digest) => sum + (layout.blobs.get(digest)?.size ?? 0), 0);
  onEvent?.({ type: 'planned', blobs: wanted.size, bytes });
}

/** Blobs that are not in the temporary file already, in file order. */
function blobsAhead(layout: BundleLayout, copy: ArchiveCopy, { sources, signal }: StreamOptions): BlobsAhead {
  const wanted = layout.files.flatMap(({ content }) => {
    if (content.from !== 'blob' || copy.blob(content.digest) !== undefined) return [];
    return layout.blobs.get(content.digest) ?? [];
  });
  const fetch = async (descriptor: Descriptor, own: { readonly signal: AbortSignal }): Promise<Buffer> => {
    const bytes = Buffer.alloc(descriptor.size);
    const write: WriteChunk = async (chunk, position) => void chunk.copy(bytes, position);
    await sources.get(descriptor.digest)?.pull(descriptor, { write }, own);
    return bytes;
  };
  return new BlobsAhead(wanted, fetch, { signal });
}

interface Giving extends StreamOptions {
  readonly layout: BundleLayout;
  readonly take: TakeBytes;
  readonly bodies: ReadonlyMap<string, Buffer>;
  /** The tar whose body begins there in the bundle. */
  readonly copy: (position: number) => readonly Extent[];
  /** A blob that is part of such a tar. */
  readonly blob: (digest: Digest) => readonly Extent[] | undefined;
  readonly ahead: BlobsAhead;
}

async function giveFiles(giving: Giving): Promise<void> {
  const { layout, take, bodies, signal } = giving;
  let end = 0;
  for (const { name, size, content, position } of layout.files) {
    signal.throwIfAborted();
    await take(Buffer.alloc(position - blockSize - end));
    await take(tarHeader(name, size));
    await giveBody(giving, content, position, bodies.get(name));
    end = position + size;
  }
  await take(Buffer.alloc(layout.size - end));
}

async function giveBody(giving: Giving, content: TarContent, position: number, sealed: Buffer | undefined): Promise<void> {
  const { take, copy } = giving;
  if (content.from === 'bytes') await take(content.bytes);
  if (content.from === 'sealed') await take(sealed ?? Buffer.alloc(0));
  if (content.from === 'archive') await giveExtents(giving, copy(position));
  if (content.from === 'blob') await giveBlob(giving, content.digest);
}

async function giveBlob(giving: Giving, digest: Digest): Promise<void> {
  const { layout, take, blob, sources, signal, onEvent, ahead } = giving;
  const there = blob(digest);
  if (there !== undefined) return await giveExtents(giving, there);
  const [descriptor, source] = [layout.blobs.get(digest), sources.get(digest)];
  if (descriptor === undefined || source === undefined) throw new Error(`no source for blob ${digest}`);
  let given = 0;
  const write: WriteChunk = async (chunk, position) => {
    if (position !== given) throw begunAnew(digest);
    await take(chunk);
    given += chunk.length;
    onEvent?.({ type: 'progress', digest, bytes: chunk.length });
  };
  const held = await ahead.take(digest);
  if (held === undefined) await source.pull(descriptor, { write }, { signal });
  else await write(held, 0);
  onEvent?.({ type: 'done', digest, size: descriptor.size });
}

/** A source may give a blob a second time when its first bytes were wrong; a pipe has those already. */
function begunAnew(digest: Digest): BundleError {
  return new BundleError('DIGEST_MISMATCH', `the first bytes of ${digest} that came were wrong, and the pipe has them already`, {
    hint: 'build into a file, which can be written again, and send that',
  });
}

async function giveExtents({ take, signal }: Giving, extents: readonly Extent[]): Promise<void> {
  for await (const block of streamExtents(extents, { signal })) await take(block);
}
