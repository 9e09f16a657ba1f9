import type { Descriptor } from '../descriptor.ts';
import { type ImageTree, readImageTree } from '../plan/image-tree.ts';
import type { BundleFile } from './bundle-reader.ts';

/** The root of an image or artifact in a bundle; `sparse` when platforms are left out of it on purpose. */
export interface CarriedRoot extends Pick<Descriptor, 'digest' | 'mediaType'> {
  readonly sparse?: boolean;
}

/**
 * Reads the manifests of an image from a bundle. Of a sparse image the children that the bundle does not list are those left out.
 * A layer of a "do not distribute" type is among the blobs when the bundle has it, or leaves it out as a delta.
 * Throws MANIFEST_INVALID, BUNDLE_INVALID when a manifest is absent, BUNDLE_DAMAGED.
 */
export async function readCarriedTree(
  bundle: Pick<BundleFile, 'blobs' | 'absent' | 'readBlob'>,
  { digest, mediaType, sparse = false }: CarriedRoot,
  options: { readonly signal: AbortSignal },
): Promise<ImageTree> {
  const root: Descriptor = { mediaType, digest, size: bundle.blobs.get(digest)?.size ?? 0 };
  const tree = await readImageTree(root, (wanted) => bundle.readBlob(wanted.digest, options), {
    isLeftOut: (child) => sparse && !bundle.blobs.has(child.digest),
  });
  const isCarried = ({ digest: layer }: Descriptor) => bundle.blobs.has(layer) || bundle.absent.has(layer);
  const carried = tree.foreign.filter(isCarried);
  const foreign = tree.foreign.filter((layer) => !isCarried(layer));
  return { manifests: tree.manifests, blobs: [...tree.blobs, ...carried], foreign };
}
