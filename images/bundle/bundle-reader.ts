import { dirname } from 'node:path';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { BundleJson } from '../../bundle-spec/bundle-json.ts';
import { apiVersion, Digest } from '../../bundle-spec/names.ts';
import { verified } from '../blob-source.ts';
import { digestOf } from '../digest.ts';
import type { Extent } from '../extent.ts';
import { jsonValue } from '../json-value.ts';
import { type BundleBytes, type BundleVolume, numberedProblem, type OpenOptions, openBundleBytes } from './bundle-bytes.ts';
import { bundleJsonName, checksumName, checksumOf, unknownDigest } from './bundle-layout.ts';
import { describeForeign } from './foreign-file.ts';
import { blockSize, paddedSize, parseTarHeader, tarHeader } from './tar-header.ts';
import { blobName, type Placed, placeFiles } from './tar-layout.ts';

/** An entry or blob of a bundle. */
export type BundlePart = Placed<{ readonly name: string; readonly size: number; readonly digest: Digest }>;

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

/** bundle.json of a bundle of 20,000 blobs has 2 MB. */
const longestJson = 64 << 20;

/** Blobs up to this size may be read whole. */
const longestHeld = 64 << 20;

/** What an entry may be called. Nothing here is ever unpacked, but other tools will. */
const entryName = /^(oci-layout|index\.json|manifest\.json|install\/[A-Za-z0-9][A-Za-z0-9._-]{0,80})$/;

/**
 * Opens a bundle by its first entry; nothing else of the tar is walked or read, but the first headers of each volume. `path` may name one
 * file or volumes, see `openBundleBytes`. Throws FILE_UNREADABLE, VOLUME_MISSING, BUNDLE_INVALID (no bundle of ours, and what it is
 * instead; truncated, and by how much; made by a newer diolkos) and BUNDLE_DAMAGED (bundle.json is not what its checksum says; a
 * volume has another size or is of another bundle).
 */
export async function openBundle(path: string, options: OpenOptions): Promise<BundleFile> {
  const bytes = await openBundleBytes(path, options);
  try {
    const first = await readJsonBytes(bytes, options);
    checkWhole(bytes, first.json);
    const json = parseJson(bytes.path, first.json, first.checksum);
    const { files, size } = placeFiles(partsOf(bytes.path, json, first));
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

/** The first volume has bundle.json, and parts.json says which one it has to be. */
function checkWhole({ path, whole, volumes }: BundleBytes, json: Buffer): void {
  if (whole === undefined || digestOf(json) === whole.bundleJson) return;
  const [first] = volumes;
  throw new BundleError('BUNDLE_DAMAGED', `${first?.path} is damaged, or of another bundle than ${path}.parts.json`, {
    hint: 'bring volumes and parts.json of one build together',
  });
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

interface JsonBytes {
  readonly json: Buffer;
  /** The header behind bundle.json and the block behind it, as they stand in the file; empty where the file ends. */
  readonly checksum: Buffer;
}

async function readJsonBytes(bytes: BundleBytes, options: { readonly signal: AbortSignal }): Promise<JsonBytes> {
  const { path, size: actual } = bytes;
  const first = await bytes.read(0, Math.min(blockSize, actual));
  if (!first.toString('latin1').startsWith(`${bundleJsonName}\0`)) {
    throw noBundle(path, await describeForeign(bytes, options));
  }
  if (actual < blockSize) throw truncated(path, 'it ends within the first header');
  const size = parseTarHeader(first, `the beginning of ${path}`)?.size ?? 0;
  if (!first.equals(tarHeader(bundleJsonName, size))) throw noBundle(path, 'its bundle.json was not written by diolkos');
  if (size > longestJson) throw noBundle(path, `its bundle.json claims ${size} bytes`);
  const missing = blockSize + size - actual;
  if (missing > 0) throw truncated(path, `at least ${missing} bytes are missing`);
  const behind = Math.min(blockSize + paddedSize(size), actual);
  return {
    json: await bytes.read(blockSize, size),
    checksum: await bytes.read(behind, Math.min(2 * blockSize, actual - behind)),
  };
}

function parseJson(path: string, json: Buffer, checksum: Buffer): BundleJson {
  const line = checksumOf({ name: bundleJsonName, bytes: json });
  const sound = checksum.subarray(blockSize, blockSize + line.length).equals(line);
  const value = jsonValue(json);
  const version = typeof value === 'object' && value !== null && 'apiVersion' in value ? value.apiVersion : undefined;
  if (typeof version === 'string' && /^diolkos\.dev\/v[1-9]\d*$/.test(version) && version !== apiVersion) {
    throw new BundleError('BUNDLE_INVALID', `${path} was made by a newer diolkos: it has apiVersion ${version}`, {
      hint: 'use the diolkos that is in its install/installer.tar',
    });
  }
  const ours = version === apiVersion || checksum.toString('latin1').startsWith(`${checksumName}\0`);
  if (!sound && ours && checksum.length >= blockSize + line.length) throw damaged(path, bundleJsonName);
  const parsed = BundleJson.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw noBundle(path, `its bundle.json is wrong at ${issue?.path.join('.') || 'its top'}: ${issue?.message}`);
}

function partsOf(path: string, json: BundleJson, bytes: JsonBytes): Omit<BundlePart, 'position'>[] {
  const names = new Set<string>();
  const strange = json.entries.find(({ name }) => !entryName.test(name) || names.size === names.add(name).size)?.name;
  if (strange !== undefined) throw noBundle(path, `its bundle.json lists an entry "${strange}"`);
  for (const list of [json.blobs, json.absent]) {
    const unsorted = list.some(([digest], index) => digest <= (list[index - 1]?.[0] ?? ''));
    if (unsorted) throw noBundle(path, 'its bundle.json lists blobs twice or out of order');
  }
  return [
    ...frontParts(json, bytes),
    ...json.entries,
    ...json.blobs.map(([digest, size]) => ({ name: blobName(digest), size, digest })),
  ];
}

/** What stands before the entries. Of the signature's bytes the checksum has a line as well; it is damaged where that is not there. */
function frontParts({ signature: place }: BundleJson, { json, checksum }: JsonBytes): Omit<BundlePart, 'position'>[] {
  const first = checksumOf({ name: bundleJsonName, bytes: json });
  const tail = place === undefined ? '' : `  ${place.name}\n`;
  const end = blockSize + first.length + (place === undefined ? 0 : 64 + tail.length);
  const found = checksum.subarray(blockSize, end);
  const hex = found.toString('latin1', first.length, found.length - tail.length);
  const said = Digest.safeParse(`sha256:${hex}`).data ?? unknownDigest;
  return [
    { name: bundleJsonName, size: json.length, digest: digestOf(json) },
    { name: checksumName, size: end - blockSize, digest: digestOf(found) },
    ...(place === undefined ? [] : [{ ...place, digest: found.toString('latin1').endsWith(tail) ? said : unknownDigest }]),
  ];
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

function noBundle(path: string, why: string): BundleError {
  return new BundleError('BUNDLE_INVALID', `${path} is no bundle: ${why}`, { hint: 'give the file that diolkos build wrote' });
}

function truncated(path: string, how: string): BundleError {
  return new BundleError('BUNDLE_INVALID', `${path} is truncated: ${how}`, { hint: 'copy it again from where it was made' });
}

function damaged(path: string, name: string, cause?: unknown): BundleError {
  return new BundleError('BUNDLE_DAMAGED', `${path} is damaged: ${name} is not what was written`, {
    hint: 'copy it again from where it was made; diolkos verify lists all damage',
    ...(cause === undefined ? {} : { cause }),
  });
}
