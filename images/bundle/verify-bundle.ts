import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { openTransfers, type Transfers } from '../transfer/transfers.ts';
import type { BundleVolume, OpenOptions } from './bundle-bytes.ts';
import type { BundlePart } from './bundle-head.ts';
import { type BundleFile, openBundle } from './bundle-reader.ts';
import { bytesToCheck, checkRanges } from './check-ranges.ts';
import { neededBlobs, rootsOf, whoNeeds } from './needed-blobs.ts';

/** What was checked and found whole. */
export interface Verified {
  /** False: blobs other than manifests were not read. */
  readonly full: boolean;
  readonly images: number;
  readonly charts: number;
  readonly blobs: number;
  /** Blobs that a delta leaves out: the target has to have them. */
  readonly absent: number;
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
  /** Files of the volumes it is in; only of a bundle in volumes. */
  readonly volumes?: readonly string[];
}

interface VerifyOptions {
  /** Hash every blob too, and look at every byte between them: one flipped byte anywhere is found. */
  readonly full: boolean;
  readonly signal: AbortSignal;
  /** Told of bytes that were read, and of all that will be. */
  readonly onBytes?: (done: number, total: number) => void;
}

/**
 * Checks a bundle: structure, the checksum of every entry, the header of every blob, the manifests of every image and chart; with
 * `full` every byte, on all cores. Throws BUNDLE_DAMAGED with one line for each damage and whom it hurts, and what `openBundle` throws.
 */
export async function verifyBundle(file: string, options: VerifyOptions & OpenOptions): Promise<Verified> {
  const bundle = await openBundle(file, options);
  try {
    return await verifyOpened(bundle, options);
  } finally {
    await bundle.close();
  }
}

/** As `verifyBundle`, for a bundle that is open. */
export async function verifyOpened(bundle: BundleFile, options: VerifyOptions): Promise<Verified> {
  const found = await findDamage(bundle, options);
  if (found.length > 0) throw damagedError(bundle.path, found);
  const { images, charts, blobs, absent } = bundle.json;
  const counts = { images: images.length, charts: charts.length, blobs: blobs.length, absent: absent.length };
  return { full: options.full, ...counts, bytes: bundle.size };
}

/** All damage of an open bundle, in file order; what is wrong with an image as a whole comes first. */
export async function findDamage(bundle: BundleFile, options: VerifyOptions): Promise<Damage[]> {
  // Without the blobs there is next to nothing to hash.
  const transfers = openTransfers(options.full ? {} : { threads: 1 });
  try {
    const damage = await treeDamage(bundle, options);
    const found = await partDamage(bundle, transfers, options);
    const names = found.size === 0 ? new Map() : await whoNeeds(bundle, digestsOf(found), options);
    for (const part of bundle.parts) {
      const what = found.get(part);
      if (what === undefined) continue;
      const volumes = await volumesOf(bundle, part, transfers, options);
      damage.push({ where: part.name, what, hurts: names.get(part.digest) ?? [], ...volumes });
    }
    const end = endDamage(bundle, found.get('end'));
    return end === undefined ? damage : [...damage, { where: 'end', what: end, hurts: [] }];
  } finally {
    await transfers.close();
  }
}

/** Images and charts whose own manifests do not hold together. */
async function treeDamage(bundle: BundleFile, options: { readonly signal: AbortSignal }): Promise<Damage[]> {
  const damage: Damage[] = [];
  for (const root of rootsOf(bundle)) {
    const { wrong } = await neededBlobs(bundle, root, options);
    for (const what of wrong) damage.push({ where: root.name, what, hurts: [root.name] });
  }
  return damage;
}

type FoundDamage = ReadonlyMap<BundlePart | 'end', string>;

async function partDamage(bundle: BundleFile, transfers: Transfers, options: VerifyOptions): Promise<FoundDamage> {
  const { full, signal, onBytes } = options;
  const found = new Map<BundlePart | 'end', string>();
  const firstBlob = bundle.parts.length - bundle.blobs.size;
  const boundary = bundle.parts[firstBlob]?.position ?? bundle.size;
  const skip = ({ position }: BundlePart) => !full && position >= boundary;
  const total = bytesToCheck(bundle, skip);
  let done = 0;
  const note = (part: BundlePart | 'end', what: string) => {
    if (!found.has(part)) found.set(part, what);
  };
  await checkRanges(bundle, note, {
    signal,
    transfers,
    skip,
    onBytes(bytes) {
      done += bytes;
      onBytes?.(done, total);
    },
  });
  return found;
}

function digestsOf(found: FoundDamage): Set<BundlePart['digest']> {
  return new Set([...found.keys()].flatMap((part) => (part === 'end' ? [] : part.digest)));
}

/** The volumes to bring again. Where a part lies in several, their own checksums say which are damaged. */
async function volumesOf(
  bundle: BundleFile,
  part: BundlePart,
  transfers: Transfers,
  options: { readonly signal: AbortSignal },
): Promise<Pick<Damage, 'volumes'>> {
  const volumes = bundle.volumesOf(part);
  if (volumes.length === 0) return {};
  const damaged: string[] = [];
  for (const volume of volumes.length === 1 ? [] : volumes) {
    if (await isDamaged(volume, transfers, options)) damaged.push(volume.path);
  }
  return { volumes: damaged.length === 0 ? volumes.map(({ path }) => path) : damaged };
}

async function isDamaged(
  { fd, size, sha256 }: BundleVolume,
  transfers: Transfers,
  { signal }: { readonly signal: AbortSignal },
): Promise<boolean> {
  if (sha256 === undefined) return false;
  const digest = await transfers.hash([{ fd, position: 0, size }], { signal }).catch(() => undefined);
  signal.throwIfAborted();
  return digest !== `sha256:${sha256}`;
}

function endDamage(bundle: BundleFile, what: string | undefined): string | undefined {
  const behind = bundle.fileSize - bundle.size;
  return what ?? (behind === 0 ? undefined : `${behind} bytes follow that do not belong to it`);
}

function damagedError(file: string, found: readonly Damage[]): BundleError {
  const lines = found.map(({ where, what, hurts, volumes = [] }) => {
    const whom = hurts.filter((name) => name !== where).join(', ');
    const place = volumes.length === 0 ? '' : `, in ${volumes.join(' or ')}`;
    return `  ${where}: ${what}${place}${whom === '' ? '' : ` (needed by ${whom})`}`;
  });
  const again = [...new Set(found.flatMap(({ volumes = [] }) => volumes))];
  const copy = again.length === 0 ? 'copy it again' : `copy ${again.join(', ')} again`;
  return new BundleError('BUNDLE_DAMAGED', [`${file} is damaged:`, ...lines].join('\n'), {
    hint: `${copy} from where it was made, or build it anew`,
  });
}
