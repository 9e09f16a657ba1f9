import type { StoredMode } from '../bundle-spec/lock.ts';
import type { Digest, Platform } from '../bundle-spec/names.ts';
import type { HeldDocument } from './descriptor.ts';
import { imageReader } from './image-reader.ts';
import { type ImageTree, readImageTree } from './image-tree.ts';
import type { Reference } from './reference.ts';
import type { Abortable, Registry } from './registry.ts';
import { chooseStored } from './stored-choice.ts';

/** Where the bytes of a reference are: the repository has another path than the reference when they come from a mirror. */
export interface Located {
  /** A registry, or what plays one: an OCI archive. */
  readonly registry: Pick<Registry, 'fetchManifest' | 'fetchBlob' | 'pullBlob'>;
  readonly repository: string;
}

/** All that is known of an image before its first layer is pulled. */
export interface ImagePlan extends ImageTree {
  readonly reference: Reference;
  readonly located: Located;
  /** What the source served for the reference. */
  readonly source: Digest;
  /** What the bundle will hold; the last of `manifests`. Its digest is `source` in mode `complete`. */
  readonly stored: HeldDocument;
  readonly mode: StoredMode;
  /** Those stored, sorted; empty for an artifact that is no image. */
  readonly platforms: readonly Platform[];
  /** Bytes of all manifests and blobs, each once. */
  readonly size: number;
}

export interface PlanOptions extends Abortable {
  /** The target's platforms; an image has to have them all. */
  readonly platforms: readonly Platform[];
  /** `source` of a lock: pulled instead of what the tag names today. */
  readonly locked?: Digest;
  /** Of a reference with a digest: values bring whatever digest is stored. Default false: it is stored as it is. */
  readonly digestFromValues?: boolean;
}

/**
 * Reads every manifest of an image and decides how it is stored. A tag, or a digest from values, with one platform wanted: that platform's
 * manifest. Several: an index of ours that lists only these. Everything else (an index whose digest the chart has, a single manifest, an
 * artifact) stays complete.
 * Throws PLATFORM_MISSING, MANIFEST_INVALID, REGISTRY_NOT_FOUND and what else the registry throws.
 */
export async function planImage(located: Located, reference: Reference, options: PlanOptions): Promise<ImagePlan> {
  const reader = imageReader(located, reference, options);
  const source = await reader.root(options.locked ?? reference.digest ?? reference.tag ?? 'latest');
  const { stored, mode, platforms } = await chooseStored(reader, source, {
    platforms: options.platforms,
    pinned: reference.digest === undefined ? 'no' : options.digestFromValues === true ? 'by values' : 'exactly',
  });
  reader.keep(stored);
  const tree = await readImageTree(stored.descriptor, async (wanted) => (await reader.manifest(wanted)).bytes);
  const sizes = [...tree.manifests.map(({ descriptor }) => descriptor.size), ...tree.blobs.map((blob) => blob.size)];
  return {
    ...tree,
    reference,
    located,
    source: source.descriptor.digest,
    stored,
    mode,
    platforms: [...new Set(platforms)].sort(),
    size: sizes.reduce((total, size) => total + size, 0),
  };
}
