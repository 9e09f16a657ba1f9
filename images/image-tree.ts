import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Descriptor, HeldDocument } from './descriptor.ts';
import { type Index, type Manifest, parseManifest } from './manifest.ts';

/** All that an image or artifact consists of. */
export interface ImageTree {
  /** Children before the index that lists them, the root last; each once. */
  readonly manifests: readonly HeldDocument[];
  /** Configs and layers, each once. Layers that no registry may be given (`urls`, nondistributable) are left out. */
  readonly blobs: readonly Descriptor[];
}

/** Indexes that list indexes are allowed; deeper than this is an attack. */
const deepest = 4;

/** A layer that stays where its `urls` point, because its licence forbids to pass it on. */
export function isForeign({ mediaType }: Descriptor): boolean {
  return /nondistributable|foreign/.test(mediaType);
}

/** Follows `root` down through `read`, which gives the verified bytes of a manifest. Throws MANIFEST_INVALID, and what `read` throws. */
export async function readImageTree(root: Descriptor, read: (descriptor: Descriptor) => Promise<Buffer>): Promise<ImageTree> {
  const manifests = new Map<string, HeldDocument>();
  const blobs = new Map<string, Descriptor>();
  const visit = async (descriptor: Descriptor, depth: number): Promise<void> => {
    if (depth > deepest) throw new BundleError('MANIFEST_INVALID', `${root.digest} nests indexes more than ${deepest} deep`);
    if (manifests.has(descriptor.digest)) return;
    const bytes = await read(descriptor);
    const named = parseManifest(bytes, descriptor.digest);
    for (const child of childrenOf(named)) await visit(child, depth + 1);
    for (const blob of carriedBlobs(named)) blobs.set(blob.digest, blob);
    manifests.set(descriptor.digest, { descriptor, bytes });
  };
  await visit(root, 0);
  return { manifests: [...manifests.values()], blobs: [...blobs.values()] };
}

function childrenOf(manifest: Manifest | Index): readonly Descriptor[] {
  return 'manifests' in manifest ? manifest.manifests : [];
}

function carriedBlobs(manifest: Manifest | Index): Descriptor[] {
  if ('manifests' in manifest) return [];
  return [manifest.config, ...manifest.layers].filter((blob) => !isForeign(blob));
}
