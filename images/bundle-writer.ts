import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { BundleJson } from '../bundle-spec/bundle-json.ts';
import type { Digest } from '../bundle-spec/names.ts';
import type { BlobSource } from './blob-source.ts';
import { type BundleLayout, type SealedBody, sealedBodies, unknownDigest } from './bundle-layout.ts';
import { canonicalJson } from './canonical-json.ts';
import type { Descriptor } from './descriptor.ts';
import { digestFrom } from './digest.ts';
import { eachLimited } from './each-limited.ts';
import { streamRange, writeRange } from './file-range.ts';
import { namingFailures, openPartial } from './partial-file.ts';
import type { Sign } from './signature/signer.ts';
import { blockSize, tarHeader } from './tar-header.ts';
import type { Placed, TarFile } from './tar-layout.ts';

/** Blobs that are fetched at the same time. */
const defaultConcurrency = 4;

/** What happens while a bundle is written. `bytes` counts from the last event of the same blob. */
export type WriteEvent =
  | { readonly type: 'planned'; readonly blobs: number; readonly bytes: number }
  | { readonly type: 'progress'; readonly digest: Digest; readonly bytes: number }
  | { readonly type: 'done'; readonly digest: Digest; readonly size: number };

export interface WriteOptions {
  /** Who has which blob; every blob of the layout whose bytes are not at hand must be there. */
  readonly sources: ReadonlyMap<Digest, BlobSource>;
  readonly signal: AbortSignal;
  readonly onEvent?: (event: WriteEvent) => void;
  /** Gives the signature of bundle.json. Without it the place that bundle.json keeps for one stays free. */
  readonly sign?: Sign;
  /** Blobs fetched at the same time. Default 4. */
  readonly concurrency?: number;
}

/** A blob to fetch and every place it belongs to: its own, and one inside installer.tar. */
interface Pull {
  readonly descriptor: Descriptor;
  readonly source: BlobSource;
  readonly positions: readonly number[];
}

/**
 * Writes the bundle: every distinct blob once, the largest first, from its source straight to its final offset in
 * `<output>.partial`, which gets its name when all bytes are durable. Memory does not grow with the bundle. An error or an abort
 * leaves neither the partial file nor a changed `output`. Throws DISK_FULL, FILE_UNWRITABLE, and what the sources throw.
 */
export async function writeBundle(layout: BundleLayout, output: string, options: WriteOptions): Promise<BundleJson> {
  const pulls = planPulls(layout, options.sources);
  const partial = await openPartial(output, layout.size);
  try {
    return await namingFailures(output, layout.size, async () => {
      await writeKnown(partial.handle, layout.files, 0, options.signal);
      await pullAll(partial.handle, pulls, options);
      const json = await sealedJson(partial.handle, layout, options.signal);
      await partial.handle.datasync();
      const bytes = canonicalJson(json);
      await writeSealed(partial.handle, layout, sealedBodies(bytes, json.signature, await options.sign?.(bytes, options)));
      options.signal.throwIfAborted();
      await partial.publish();
      return json;
    });
  } catch (error) {
    await partial.discard();
    throw error;
  }
}

function planPulls(layout: BundleLayout, sources: ReadonlyMap<Digest, BlobSource>): Pull[] {
  const positions = new Map<Digest, number[]>();
  const collect = (files: readonly Placed<TarFile>[], start: number) => {
    for (const { content, position } of files) {
      if (content.from === 'archive') collect(content.layout.files, start + position);
      if (content.from !== 'blob') continue;
      positions.set(content.digest, [...(positions.get(content.digest) ?? []), start + position]);
    }
  };
  collect(layout.files, 0);
  return [...positions]
    .map(([digest, places]) => ({ ...withSource(layout, sources, digest), positions: places }))
    .sort((a, b) => b.descriptor.size - a.descriptor.size);
}

function withSource(layout: BundleLayout, sources: ReadonlyMap<Digest, BlobSource>, digest: Digest): Omit<Pull, 'positions'> {
  const descriptor = layout.blobs.get(digest);
  const source = sources.get(digest);
  if (descriptor === undefined || source === undefined) throw new Error(`no source for blob ${digest}`);
  return { descriptor, source };
}

/** Writes every header, and every body whose bytes are at hand. Bundle.json's header comes last of all, see `writeSealed`. */
async function writeKnown(
  handle: FileHandle,
  files: readonly Placed<TarFile>[],
  start: number,
  signal: AbortSignal,
): Promise<void> {
  for (const { name, size, content, position } of files) {
    signal.throwIfAborted();
    if (content.from === 'sealed') continue;
    await writeRange(handle, tarHeader(name, size), start + position - blockSize);
    if (content.from === 'bytes') await writeRange(handle, content.bytes, start + position);
    if (content.from === 'archive') await writeKnown(handle, content.layout.files, start + position, signal);
  }
}

async function pullAll(handle: FileHandle, pulls: readonly Pull[], options: WriteOptions): Promise<void> {
  const { signal, onEvent, concurrency = defaultConcurrency } = options;
  onEvent?.({ type: 'planned', blobs: pulls.length, bytes: pulls.reduce((sum, pull) => sum + pull.descriptor.size, 0) });
  const pullOne = async (pull: Pull, own: { readonly signal: AbortSignal }): Promise<void> => {
    await pullBlob(handle, pull, onEvent, own.signal);
    onEvent?.({ type: 'done', digest: pull.descriptor.digest, size: pull.descriptor.size });
  };
  await eachLimited(pulls, concurrency, pullOne, { signal });
}

async function pullBlob(handle: FileHandle, pull: Pull, onEvent: WriteOptions['onEvent'], signal: AbortSignal): Promise<void> {
  const { descriptor, positions } = pull;
  const { digest, size } = descriptor;
  const places = positions.map((position) => [{ fd: handle.fd, position, size }]);
  const onBytes = (bytes: number) => onEvent?.({ type: 'progress', digest, bytes });
  await pull.source.pull(descriptor, { places, onBytes }, { signal });
}

/** bundle.json with the digests of the entries that hold blobs, read back from the file: a few megabytes. */
async function sealedJson(handle: FileHandle, layout: BundleLayout, signal: AbortSignal): Promise<BundleJson> {
  const positions = new Map(layout.files.map((file) => [file.name, file.position]));
  const entries: BundleJson['entries'] = [];
  for (const entry of layout.json.entries) {
    const position = positions.get(entry.name) ?? 0;
    const known = entry.digest !== unknownDigest;
    entries.push(known ? entry : { ...entry, digest: await digestOfRange(handle, position, entry.size, signal) });
  }
  return { ...layout.json, entries };
}

async function digestOfRange(handle: FileHandle, position: number, size: number, signal: AbortSignal): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const block of streamRange(handle, position, size, { signal })) hash.update(block);
  return digestFrom(hash);
}

/** Until the first header stands, which is written last, no reader can take the file for a bundle. */
async function writeSealed(handle: FileHandle, layout: BundleLayout, bodies: readonly SealedBody[]): Promise<void> {
  const places = new Map(layout.files.map((file) => [file.name, file]));
  for (const { name, bytes } of bodies.toReversed()) {
    const { size, position } = places.get(name) ?? { size: -1, position: 0 };
    if (bytes.length !== size) throw new Error(`${name} was planned with ${size} bytes and has ${bytes.length}`);
    await writeRange(handle, bytes, position);
    await writeRange(handle, tarHeader(name, size), position - blockSize);
  }
}
