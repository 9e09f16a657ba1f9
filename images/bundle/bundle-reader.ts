import { dirname } from 'node:path';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { BundleJson } from '../../bundle-spec/bundle-json.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import { verified } from '../blob-source.ts';
import type { Extent } from '../extent.ts';
import { type BundleBytes, type BundleVolume, numberedProblem, type OpenOptions, openBundleBytes } from './bundle-bytes.ts';
import { type BundlePart, damaged, readHead, truncated } from './bundle-head.ts';
import { blockSize, tarHeader } from './tar-header.ts';

/** A blob that a delta leaves out. */
export interface AbsentBlob {
  readonly size: number;
  /** An image of the base that has it, as the charts have it. */
  readonly holder: string;
}

/** An open bundle. All reads name their position, so any number of them can run at once. */
export interface BundleFile {
  readonly path: string;
  /** Bytes of the tar as bundle.json has it. */
  readonly size: number;
  /** Bytes of the file; more than `size` when something was added to it. */
  readonly fileSize: number;
  readonly json: BundleJson;
  /** In file order: bundle.json, its checksum, its signature if it has a place for one, the entries, the blobs by digest. */
  readonly parts: readonly BundlePart[];
  readonly blobs: ReadonlyMap<Digest, BundlePart>;
  /** What a delta leaves out; empty for a whole bundle. */
  readonly absent: ReadonlyMap<Digest, AbsentBlob>;
  /** The files it lies in: one, or its volumes. */
  readonly volumes: readonly BundleVolume[];
  /** Those of them that a range lies in; only of a bundle in volumes. */
  volumesOf(part: { readonly position: number; readonly size: number }): readonly BundleVolume[];
  /** A whole entry, verified. Throws BUNDLE_INVALID when there is none of that name, BUNDLE_DAMAGED. */
  readEntry(name: string, options: { readonly signal: AbortSignal }): Promise<Buffer>;
  /** A whole blob, verified: manifests, charts. Throws BUNDLE_INVALID when it is absent or over 64 MiB, BUNDLE_DAMAGED. */
  readBlob(digest: Digest, options: { readonly signal: AbortSignal }): Promise<Buffer>;
  /** A blob in blocks of 1 MiB, hashed on the way: BUNDLE_DAMAGED is thrown before the last block is given. */
  streamBlob(digest: Digest, options: { readonly signal: AbortSignal }): AsyncIterable<Buffer>;
  /** As `streamBlob`, of any part. */
  streamPart(part: BundlePart, options: { readonly signal: AbortSignal }): AsyncIterable<Buffer>;
  /** Where the bytes of a part, or of any range, lie, for who reads them by himself. */
  extents(part: { readonly position: number; readonly size: number }): readonly Extent[];
  /** Raw bytes of the file, for who looks at headers and padding. */
  readRaw(position: number, size: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** Blobs up to this size may be read whole. */
const longestHeld = 64 << 20;

/**
 * Opens a bundle by its first entry; nothing else of the tar is walked or read, but the first headers of each volume. `path` may name one
 * file or volumes, see `openBundleBytes`. Throws FILE_UNREADABLE, VOLUME_MISSING, BUNDLE_INVALID (no bundle of ours, and what it is
 * instead; truncated, and by how much; made by a newer diolkos) and BUNDLE_DAMAGED (bundle.json is not what its checksum says; a
 * volume has another size or is of another bundle).
 */
export async function openBundle(path: string, options: OpenOptions): Promise<BundleFile> {
  const bytes = await openBundleBytes(path, options);
  try {
    const { json, parts: files, size } = await readHead(bytes, options);
    const problem = numberedProblem(bytes, size, [dirname(path), ...(options.volumes ?? [])]);
    if (problem !== undefined) throw problem;
    if (size > bytes.size) throw truncated(bytes.path, `${size - bytes.size} of ${size} bytes are missing`);
    await checkVolumes(bytes, files);
    return bundleFile(bytes, { size, json, parts: files });
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

/** Headers looked at in each volume. One that is damaged is for `verify` to list; when all are others, the volume is. */
const headersPerVolume = 3;

async function checkVolumes(bytes: BundleBytes, parts: readonly BundlePart[]): Promise<void> {
  for (const { path, start, size } of bytes.volumes.slice(1)) {
    const within = ({ position }: BundlePart) => position - blockSize >= start && position <= start + size;
    const probes = firstOf(parts, within, headersPerVolume);
    const wrong = await Promise.all(probes.map(async (part) => !(await hasHeader(bytes, part))));
    if (probes.length === 0 || !wrong.every(Boolean)) continue;
    throw new BundleError('BUNDLE_DAMAGED', `${path} is of another bundle, or damaged: ${probes[0]?.name} should begin in it`, {
      hint: 'copy this volume again from where it was made',
    });
  }
}

function firstOf<T>(items: readonly T[], wanted: (item: T) => boolean, count: number): T[] {
  const found: T[] = [];
  for (const item of items) {
    if (found.length === count) break;
    if (wanted(item)) found.push(item);
  }
  return found;
}

async function hasHeader(bytes: BundleBytes, { position, name, size }: BundlePart): Promise<boolean> {
  return (await bytes.read(position - blockSize, blockSize)).equals(tarHeader(name, size));
}

function bundleFile(bytes: BundleBytes, known: Pick<BundleFile, 'size' | 'json' | 'parts'>): BundleFile {
  const { json, parts } = known;
  const { path } = bytes;
  // Blobs are found by digest: of 20,000 there need not be two maps.
  const byName = new Map(parts.slice(0, parts.length - json.blobs.length).map((part) => [part.name, part]));
  const blobs = new Map(parts.slice(parts.length - json.blobs.length).map((part) => [part.digest, part]));
  const absent = new Map(json.absent.map(([digest, size, holder]) => [digest, { size, holder }]));
  const volumesOf = ({ position, size }: { readonly position: number; readonly size: number }) =>
    bytes.split ? bytes.volumesOf(position, size) : [];
  const find = (found: BundlePart | undefined, what: string): BundlePart => {
    if (found === undefined) throw new BundleError('BUNDLE_INVALID', `${path} has no ${what}`);
    return found;
  };
  const stream = (part: BundlePart, options: { readonly signal: AbortSignal }) =>
    sound(path, part, volumesOf(part), bytes.stream(part.position, part.size, options));
  return {
    ...known,
    path,
    fileSize: bytes.size,
    blobs,
    absent,
    volumes: bytes.volumes,
    volumesOf,
    readEntry: async (name, options) => gather(path, find(byName.get(name), `entry ${name}`), stream, options),
    readBlob: async (digest, options) => gather(path, find(blobs.get(digest), `blob ${digest}`), stream, options),
    streamBlob: (digest, options) => stream(find(blobs.get(digest), `blob ${digest}`), options),
    streamPart: stream,
    extents: ({ position, size }) => bytes.extents(position, size),
    readRaw: (position, length) => bytes.read(position, length),
    close: () => bytes.close(),
  };
}

async function gather(
  path: string,
  part: BundlePart,
  stream: (part: BundlePart, options: { readonly signal: AbortSignal }) => AsyncIterable<Buffer>,
  options: { readonly signal: AbortSignal },
): Promise<Buffer> {
  if (part.size > longestHeld) throw new BundleError('BUNDLE_INVALID', `${part.name} of ${path} is too large to be read whole`);
  const blocks: Buffer[] = [];
  for await (const block of stream(part, options)) blocks.push(block);
  return Buffer.concat(blocks);
}

async function* sound(
  path: string,
  part: BundlePart,
  volumes: readonly BundleVolume[],
  stream: AsyncIterable<Buffer>,
): AsyncIterable<Buffer> {
  try {
    yield* verified(stream, part, path);
  } catch (cause) {
    if (!(cause instanceof BundleError) || cause.code !== 'DIGEST_MISMATCH') throw cause;
    throw damaged(volumes.length === 0 ? path : volumes.map((volume) => volume.path).join(' or '), part.name, cause);
  }
}
