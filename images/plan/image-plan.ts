import type { AttachedPolicy } from '../../bundle-spec/bundle.ts';
import type { LockedAttached, StoredMode } from '../../bundle-spec/lock.ts';
import type { Digest, Platform } from '../../bundle-spec/names.ts';
import type { Descriptor, HeldDocument } from '../descriptor.ts';
import { parseManifest } from '../manifest.ts';
import type { Reference } from '../reference.ts';
import type { Abortable, Registry } from '../registry/registry.ts';
import { settled } from '../settled.ts';
import { type AttachedArtifact, fetchAttached, findAttached } from './attached.ts';
import { type ImageReader, imageReader } from './image-reader.ts';
import { type ImageTree, readImageTree } from './image-tree.ts';
import { chooseStored, type StoredChoice } from './stored-choice.ts';

/** Where the bytes of a reference are: the repository has another path than the reference when they come from a mirror. */
export interface Located {
  /** A registry, or what plays one: an OCI archive, which knows nothing of referrers. */
  readonly registry: Pick<Registry, 'fetchManifest' | 'fetchBlob' | 'pullBlob'> &
    Partial<Pick<Registry, 'headManifest' | 'fetchReferrers' | 'hasBlob'>>;
  readonly repository: string;
  /** Path of the archive that it comes from; absent for a registry. */
  readonly archive?: string;
}

/** All that is known of an image before its first layer is pulled. */
export interface ImagePlan extends ImageTree {
  readonly reference: Reference;
  readonly located: Located;
  /** What the source served for the reference. */
  readonly source: Digest;
  /** What the bundle will hold; the last of `manifests`. Its digest is `source` in modes `complete` and `sparse`. */
  readonly stored: HeldDocument;
  readonly mode: StoredMode;
  /** Those stored, sorted; empty for an artifact that is no image. */
  readonly platforms: readonly Platform[];
  /** Bytes of all manifests and blobs, each once; without what is attached. */
  readonly size: number;
  /** The source's index where another takes its place: it travels as a blob that nothing names, so that signatures of it can be checked. */
  readonly evidence?: HeldDocument;
  /** Signatures, attestations, SBOMs, sorted. */
  readonly attached: readonly AttachedArtifact[];
}

export interface PlanOptions extends Abortable {
  /** The target's platforms; an image has to have them all. */
  readonly platforms: readonly Platform[];
  /** `source` of a lock: pulled instead of what the tag names today. */
  readonly locked?: Digest;
  /** What a lock says is attached; then nothing else is looked for. */
  readonly lockedAttached?: readonly LockedAttached[];
  /** Of a reference with a digest: values bring whatever digest is stored. Default false: it is stored as it is. */
  readonly digestFromValues?: boolean;
  /** Keep every index as it is, and leave out what other platforms need. Default false. */
  readonly sparse?: boolean;
  /** Keep BuildKit's attestations of the wanted platforms where an index of ours is stored. Default false. */
  readonly attestations?: boolean;
  /** Which artifacts that refer to the image travel. Default `none`. */
  readonly attached?: AttachedPolicy;
}

/** Where the blobs of a plan are to be had: its own, and those of what is attached. */
export function withAttached({ located, blobs, attached }: ImagePlan): readonly Pick<ImagePlan, 'located' | 'blobs'>[] {
  return [{ located, blobs }, ...attached.map((artifact) => ({ located, blobs: artifact.blobs }))];
}

/**
 * Reads every manifest of an image and decides how it is stored. A tag, or a digest from values, with one platform wanted: that platform's
 * manifest. Several: an index of ours that lists only these. With `sparse` any index with other platforms: itself, without their blobs.
 * Everything else (an index whose digest the chart has, a single manifest, an artifact) stays complete.
 * Throws PLATFORM_MISSING, MANIFEST_INVALID, REGISTRY_NOT_FOUND and what else the registry throws.
 */
export async function planImage(located: Located, reference: Reference, options: PlanOptions): Promise<ImagePlan> {
  const reader = imageReader(located, reference, options);
  const source = await reader.root(options.locked ?? reference.digest ?? reference.tag ?? 'latest');
  const choice = await chooseStored(reader, source, {
    platforms: options.platforms,
    pinned: reference.digest === undefined ? 'no' : options.digestFromValues === true ? 'by values' : 'exactly',
    sparse: options.sparse ?? false,
    attestations: options.attestations ?? false,
  });
  const { stored, mode, platforms } = choice;
  const tree = await treeOf(reader, located, choice, options);
  const sizes = [...tree.manifests.map(({ descriptor }) => descriptor.size), ...tree.blobs.map((blob) => blob.size)];
  const isReplaced = source.descriptor.digest !== stored.descriptor.digest;
  return {
    ...tree,
    reference,
    located,
    source: source.descriptor.digest,
    stored,
    mode,
    platforms: [...new Set(platforms)].sort(),
    size: sizes.reduce((total, size) => total + size, 0),
    ...(isReplaced && { evidence: source }),
    attached: await attachedTo(located, source, tree, options),
  };
}

async function treeOf(
  reader: ImageReader,
  located: Located,
  { stored, leftOut }: StoredChoice,
  options: Abortable,
): Promise<ImageTree> {
  reader.keep(stored);
  const tree = await readImageTree(stored.descriptor, async (wanted) => (await reader.manifest(wanted)).bytes, {
    isLeftOut: ({ digest }) => leftOut?.has(digest) === true,
  });
  const served = await settled(tree.foreign.map((layer) => isServed(located, layer, options)));
  const carried = tree.foreign.filter((_, index) => served[index]);
  const foreign = tree.foreign.filter((_, index) => !served[index]);
  return { manifests: tree.manifests, blobs: [...tree.blobs, ...carried], foreign };
}

/** A layer that is said to be elsewhere, and that the registry has all the same: without it the image runs nowhere behind a gap. */
async function isServed({ registry, repository }: Located, layer: Descriptor, options: Abortable): Promise<boolean> {
  return (await registry.hasBlob?.(repository, layer.digest, options)) ?? false;
}

/** What refers to the source, and to each image in what is stored of it. */
async function attachedTo(
  located: Located,
  source: HeldDocument,
  { manifests }: ImageTree,
  options: PlanOptions,
): Promise<readonly AttachedArtifact[]> {
  const { attached: policy = 'none', lockedAttached, signal } = options;
  if (lockedAttached !== undefined) return fetchAttached(located, lockedAttached, { signal });
  if (policy === 'none') return [];
  const images = manifests.filter(
    ({ descriptor, bytes }) => descriptor.platform?.os !== 'unknown' && !('manifests' in parseManifest(bytes, descriptor.digest)),
  );
  const subjects = [source, ...images].map(({ descriptor }) => descriptor.digest);
  return findAttached(located, subjects, { policy, signal });
}
