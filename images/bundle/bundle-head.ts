import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { BundleJson } from '../../bundle-spec/bundle-json.ts';
import { apiVersion, Digest } from '../../bundle-spec/names.ts';
import { digestOf } from '../digest.ts';
import { jsonValue } from '../json-value.ts';
import type { BundleBytes } from './bundle-bytes.ts';
import { bundleJsonName, checksumName, checksumOf, unknownDigest } from './bundle-layout.ts';
import { describeForeign } from './foreign-file.ts';
import { blockSize, paddedSize, parseTarHeader, tarHeader } from './tar-header.ts';
import { blobName, type Placed, placeFiles } from './tar-layout.ts';

/** An entry or blob of a bundle. */
export type BundlePart = Placed<{ readonly name: string; readonly size: number; readonly digest: Digest }>;

/** What stands at the beginning of a bundle, and what follows from it. */
export interface BundleHead {
  readonly json: BundleJson;
  /** In file order: bundle.json, its checksum, its signature if it has a place for one, the entries, the blobs by digest. */
  readonly parts: readonly BundlePart[];
  /** Bytes of the tar. */
  readonly size: number;
}

/** bundle.json of a bundle of 20,000 blobs has 2 MB. */
const longestJson = 64 << 20;

/** What an entry may be called. Nothing here is ever unpacked, but other tools will. */
const entryName = /^(oci-layout|index\.json|manifest\.json|install\/[A-Za-z0-9][A-Za-z0-9._-]{0,80})$/;

/**
 * Reads bundle.json and its checksum; nothing else of the tar. Throws BUNDLE_INVALID (no bundle of ours, and what it is instead; truncated
 * there; made by a newer diolkos) and BUNDLE_DAMAGED (bundle.json is not what its checksum, or parts.json, says).
 */
export async function readHead(bytes: BundleBytes, options: { readonly signal: AbortSignal }): Promise<BundleHead> {
  const first = await readJsonBytes(bytes, options);
  checkWhole(bytes, first.json);
  const json = parseJson(bytes.path, first.json, first.checksum);
  const { files: parts, size } = placeFiles(partsOf(bytes.path, json, first));
  return { json, parts, size };
}

/** The first volume has bundle.json, and parts.json says which one it has to be. */
function checkWhole({ path, whole, volumes }: BundleBytes, json: Buffer): void {
  if (whole === undefined || digestOf(json) === whole.bundleJson) return;
  const [first] = volumes;
  throw new BundleError('BUNDLE_DAMAGED', `${first?.path} is damaged, or of another bundle than ${path}.parts.json`, {
    hint: 'bring volumes and parts.json of one build together',
  });
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

function noBundle(path: string, why: string): BundleError {
  return new BundleError('BUNDLE_INVALID', `${path} is no bundle: ${why}`, { hint: 'give the file that diolkos build wrote' });
}

export function truncated(path: string, how: string): BundleError {
  return new BundleError('BUNDLE_INVALID', `${path} is truncated: ${how}`, { hint: 'copy it again from where it was made' });
}

export function damaged(path: string, name: string, cause?: unknown): BundleError {
  return new BundleError('BUNDLE_DAMAGED', `${path} is damaged: ${name} is not what was written`, {
    hint: 'copy it again from where it was made; diolkos verify lists all damage',
    ...(cause === undefined ? {} : { cause }),
  });
}
