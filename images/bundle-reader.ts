import type { FileHandle } from 'node:fs/promises';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { BundleJson } from '../bundle-spec/bundle-json.ts';
import { apiVersion, Digest } from '../bundle-spec/names.ts';
import { verified } from './blob-source.ts';
import { bundleJsonName, checksumName, checksumOf, unknownDigest } from './bundle-layout.ts';
import { digestOf } from './digest.ts';
import type { Extent } from './extent.ts';
import { openForReading, readRange, streamRange } from './file-range.ts';
import { describeForeign } from './foreign-file.ts';
import { blockSize, paddedSize, parseTarHeader, tarHeader } from './tar-header.ts';
import { blobName, type Placed, placeFiles } from './tar-layout.ts';

/** An entry or blob of a bundle. */
export type BundlePart = Placed<{ readonly name: string; readonly size: number; readonly digest: Digest }>;

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
  /** A whole entry, verified. Throws BUNDLE_INVALID when there is none of that name, BUNDLE_DAMAGED. */
  readEntry(name: string, options: { readonly signal: AbortSignal }): Promise<Buffer>;
  /** A whole blob, verified: manifests, charts. Throws BUNDLE_INVALID when it is absent or over 64 MiB, BUNDLE_DAMAGED. */
  readBlob(digest: Digest, options: { readonly signal: AbortSignal }): Promise<Buffer>;
  /** A blob in blocks of 1 MiB, hashed on the way: BUNDLE_DAMAGED is thrown before the last block is given. */
  streamBlob(digest: Digest, options: { readonly signal: AbortSignal }): AsyncIterable<Buffer>;
  /** As `streamBlob`, of any part. */
  streamPart(part: BundlePart, options: { readonly signal: AbortSignal }): AsyncIterable<Buffer>;
  /** Where the bytes of a part lie, for who reads them by himself. */
  extents(part: BundlePart): readonly Extent[];
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
 * Opens a bundle by its first entry; nothing else of the tar is walked or read. Throws FILE_UNREADABLE, BUNDLE_INVALID (no bundle
 * of ours, and what it is instead; truncated, and by how much; made by a newer diolkos) and BUNDLE_DAMAGED (bundle.json is not
 * what its checksum says).
 */
export async function openBundle(path: string, options: { readonly signal: AbortSignal }): Promise<BundleFile> {
  const handle = await openFile(path);
  try {
    const { size: actual } = await handle.stat();
    const bytes = await readJsonBytes(handle, path, actual, options);
    const json = parseJson(path, bytes.json, bytes.checksum);
    const { files, size } = placeFiles(partsOf(path, json, bytes));
    if (size > actual) throw truncated(path, `${size - actual} of ${size} bytes are missing`);
    return bundleFile(handle, { path, size, fileSize: actual, json, parts: files });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openFile(path: string): Promise<FileHandle> {
  const handle = await openForReading(path);
  if (!(await handle.stat()).isDirectory()) return handle;
  await handle.close();
  throw noBundle(path, 'it is a directory');
}

interface JsonBytes {
  readonly json: Buffer;
  /** The header behind bundle.json and the block behind it, as they stand in the file; empty where the file ends. */
  readonly checksum: Buffer;
}

async function readJsonBytes(
  handle: FileHandle,
  path: string,
  actual: number,
  options: { readonly signal: AbortSignal },
): Promise<JsonBytes> {
  const first = await readRange(handle, 0, Math.min(blockSize, actual));
  if (!first.toString('latin1').startsWith(`${bundleJsonName}\0`)) {
    throw noBundle(path, await describeForeign(handle, actual, options));
  }
  if (actual < blockSize) throw truncated(path, 'it ends within the first header');
  const size = parseTarHeader(first, `the beginning of ${path}`)?.size ?? 0;
  if (!first.equals(tarHeader(bundleJsonName, size))) throw noBundle(path, 'its bundle.json was not written by diolkos');
  if (size > longestJson) throw noBundle(path, `its bundle.json claims ${size} bytes`);
  const missing = blockSize + size - actual;
  if (missing > 0) throw truncated(path, `at least ${missing} bytes are missing`);
  const behind = Math.min(blockSize + paddedSize(size), actual);
  return {
    json: await readRange(handle, blockSize, size),
    checksum: await readRange(handle, behind, Math.min(2 * blockSize, actual - behind)),
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

function jsonValue(json: Buffer): unknown {
  try {
    return JSON.parse(json.toString('utf8'));
  } catch {
    return undefined;
  }
}

function partsOf(path: string, json: BundleJson, bytes: JsonBytes): Omit<BundlePart, 'position'>[] {
  const names = new Set<string>();
  const strange = json.entries.find(({ name }) => !entryName.test(name) || names.size === names.add(name).size)?.name;
  if (strange !== undefined) throw noBundle(path, `its bundle.json lists an entry "${strange}"`);
  const unsorted = json.blobs.some(([digest], index) => digest <= (json.blobs[index - 1]?.[0] ?? ''));
  if (unsorted) throw noBundle(path, 'its bundle.json lists blobs twice or out of order');
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

function bundleFile(handle: FileHandle, known: Pick<BundleFile, 'path' | 'size' | 'fileSize' | 'json' | 'parts'>): BundleFile {
  const { path, json, parts } = known;
  const byName = new Map(parts.map((part) => [part.name, part]));
  const blobs = new Map(parts.slice(parts.length - json.blobs.length).map((part) => [part.digest, part]));
  const find = (found: BundlePart | undefined, what: string): BundlePart => {
    if (found === undefined) throw new BundleError('BUNDLE_INVALID', `${path} has no ${what}`);
    return found;
  };
  const stream = (part: BundlePart, options: { readonly signal: AbortSignal }) =>
    sound(path, part, streamRange(handle, part.position, part.size, options));
  return {
    ...known,
    blobs,
    readEntry: async (name, options) => gather(path, find(byName.get(name), `entry ${name}`), stream, options),
    readBlob: async (digest, options) => gather(path, find(blobs.get(digest), `blob ${digest}`), stream, options),
    streamBlob: (digest, options) => stream(find(blobs.get(digest), `blob ${digest}`), options),
    streamPart: stream,
    extents: ({ position, size }) => [{ fd: handle.fd, position, size }],
    readRaw: (position, length) => readRange(handle, position, length),
    close: () => handle.close(),
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

async function* sound(path: string, part: BundlePart, stream: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  try {
    yield* verified(stream, part, path);
  } catch (cause) {
    if (!(cause instanceof BundleError) || cause.code !== 'DIGEST_MISMATCH') throw cause;
    throw damaged(path, part.name, cause);
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
