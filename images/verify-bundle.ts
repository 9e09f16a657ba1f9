import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Digest } from '../bundle-spec/names.ts';
import { type BundleFile, type BundlePart, openBundle } from './bundle-reader.ts';
import { eachLimited } from './each-limited.ts';
import { readImageTree } from './image-tree.ts';
import { blockSize, endSize, paddedSize, tarHeader } from './tar-header.ts';

/** What was checked and found whole. */
export interface Verified {
  /** False: blobs other than manifests were not read. */
  readonly full: boolean;
  readonly images: number;
  readonly charts: number;
  readonly blobs: number;
  /** Of the whole tar. */
  readonly bytes: number;
}

/** One thing that is wrong in a bundle. */
export interface Damage {
  /** The entry it is in, or `end` for what follows the last one. */
  readonly where: string;
  readonly what: string;
  /** References of images and names of charts that need what is damaged. */
  readonly hurts: readonly string[];
}

interface VerifyOptions {
  /** Hash every blob too, and look at every byte between them: one flipped byte anywhere is found. */
  readonly full: boolean;
  readonly signal: AbortSignal;
}

/** Headers read at the same time. */
const concurrency = 8;

/**
 * Checks a bundle: structure, the checksum of every entry, the header of every blob, the manifests of every image and chart; with
 * `full` every byte. Throws BUNDLE_DAMAGED with one line for each damage and whom it hurts, and what `openBundle` throws.
 */
export async function verifyBundle(file: string, options: VerifyOptions): Promise<Verified> {
  const bundle = await openBundle(file, options);
  try {
    const found = await findDamage(bundle, options);
    if (found.length > 0) throw damagedError(file, found);
    const { images, charts, blobs } = bundle.json;
    return { full: options.full, images: images.length, charts: charts.length, blobs: blobs.length, bytes: bundle.size };
  } finally {
    await bundle.close();
  }
}

/** All damage of an open bundle, in file order; what is wrong with an image as a whole comes first. */
export async function findDamage(bundle: BundleFile, options: VerifyOptions): Promise<Damage[]> {
  const { hurts, damage } = await readTrees(bundle, options.signal);
  const found = new Map<string, string>();
  const note = (part: BundlePart, what: string | undefined) => {
    if (what !== undefined && !found.has(part.name)) found.set(part.name, what);
  };
  await eachLimited(bundle.parts, concurrency, async (part) => note(part, await headerDamage(bundle, part)), options);
  const blobs = new Set(bundle.blobs.values());
  for (const part of bundle.parts) {
    if (options.full || !blobs.has(part)) note(part, await bodyDamage(bundle, part, options.signal));
  }
  for (const part of bundle.parts) {
    const what = found.get(part.name);
    if (what !== undefined) damage.push({ where: part.name, what, hurts: [...(hurts.get(part.digest) ?? [])] });
  }
  const end = await endDamage(bundle);
  return end === undefined ? damage : [...damage, { where: 'end', what: end, hurts: [] }];
}

/** Which images and charts need which blob, and those whose own manifests do not hold together. */
async function readTrees(bundle: BundleFile, signal: AbortSignal) {
  const hurts = new Map<Digest, Set<string>>();
  const damage: Damage[] = [];
  for (const { name, digest, mediaType } of rootsOf(bundle)) {
    const needed = await neededBlobs(bundle, { digest, mediaType }, signal);
    for (const blob of needed.blobs) hurts.set(blob, (hurts.get(blob) ?? new Set()).add(name));
    for (const what of needed.wrong) damage.push({ where: name, what, hurts: [name] });
  }
  return { hurts, damage };
}

function rootsOf({ json }: BundleFile): { readonly name: string; readonly digest: Digest; readonly mediaType: string }[] {
  const charts = json.charts.map(({ name, version, manifest }) => ({
    name: `chart ${name} ${version}`,
    digest: manifest,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
  }));
  return [...json.images.map(({ reference, digest, mediaType }) => ({ name: reference, digest, mediaType })), ...charts];
}

async function neededBlobs(
  bundle: BundleFile,
  root: { readonly digest: Digest; readonly mediaType: string },
  signal: AbortSignal,
) {
  const blobs = new Set<Digest>([root.digest]);
  const wrong: string[] = [];
  try {
    const size = bundle.blobs.get(root.digest)?.size ?? 0;
    const tree = await readImageTree({ ...root, size }, async ({ digest }) => {
      blobs.add(digest);
      return bundle.readBlob(digest, { signal });
    });
    for (const { digest, size } of [...tree.manifests.map((manifest) => manifest.descriptor), ...tree.blobs]) {
      blobs.add(digest);
      const held = bundle.blobs.get(digest)?.size;
      if (held === undefined) wrong.push(`${digest} is missing`);
      else if (held !== size) wrong.push(`${digest} has ${held} bytes, its manifest says ${size}`);
    }
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    wrong.push(error.message);
  }
  return { blobs, wrong };
}

async function headerDamage(bundle: BundleFile, part: BundlePart): Promise<string | undefined> {
  const header = await bundle.readRaw(part.position - blockSize, blockSize);
  return header.equals(tarHeader(part.name, part.size)) ? undefined : 'its tar header is damaged';
}

async function bodyDamage(bundle: BundleFile, part: BundlePart, signal: AbortSignal): Promise<string | undefined> {
  const padding = await bundle.readRaw(part.position + part.size, paddedSize(part.size) - part.size);
  try {
    for await (const _block of bundle.streamPart(part, { signal })); // reading to the end is the check
  } catch (error) {
    if (error instanceof BundleError && error.code === 'BUNDLE_DAMAGED') return 'its bytes are not what was written';
    throw error;
  }
  return isZero(padding) ? undefined : 'the padding behind it is damaged';
}

async function endDamage(bundle: BundleFile): Promise<string | undefined> {
  if (!isZero(await bundle.readRaw(bundle.size - endSize, endSize))) return 'the two zero blocks at the end are damaged';
  const behind = bundle.fileSize - bundle.size;
  return behind === 0 ? undefined : `${behind} bytes follow that do not belong to it`;
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

function damagedError(file: string, found: readonly Damage[]): BundleError {
  const lines = found.map(({ where, what, hurts }) => {
    const whom = hurts.filter((name) => name !== where).join(', ');
    return `  ${where}: ${what}${whom === '' ? '' : ` (needed by ${whom})`}`;
  });
  return new BundleError('BUNDLE_DAMAGED', [`${file} is damaged:`, ...lines].join('\n'), {
    hint: 'copy it again from where it was made, or build it anew',
  });
}
