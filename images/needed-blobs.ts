import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Digest } from '../bundle-spec/names.ts';
import type { BundleFile } from './bundle-reader.ts';
import { readImageTree } from './image-tree.ts';
import { ociManifestType } from './media-types.ts';

/** An image or chart of a bundle: what it is called, and its root among the blobs. */
export interface BundleRoot {
  readonly name: string;
  readonly digest: Digest;
  readonly mediaType: string;
}

/** All images and charts. */
export function rootsOf({ json }: BundleFile): BundleRoot[] {
  const images = json.images.map(({ reference, digest, mediaType }) => ({ name: reference, digest, mediaType }));
  const charts = json.charts.map(({ name, version, manifest }) => ({
    name: `chart ${name} ${version}`,
    digest: manifest,
    mediaType: ociManifestType,
  }));
  return [...images, ...charts];
}

/** Blobs that an image or chart needs, its manifests too, and what is wrong with them as far as manifests and sizes tell. */
export async function neededBlobs(
  bundle: BundleFile,
  root: BundleRoot,
  options: { readonly signal: AbortSignal },
): Promise<{ readonly blobs: ReadonlySet<Digest>; readonly wrong: readonly string[] }> {
  const blobs = new Set<Digest>([root.digest]);
  const wrong: string[] = [];
  try {
    const size = bundle.blobs.get(root.digest)?.size ?? 0;
    const tree = await readImageTree({ ...root, size }, async ({ digest }) => {
      blobs.add(digest);
      return bundle.readBlob(digest, options);
    });
    for (const { digest, size } of [...tree.manifests.map((manifest) => manifest.descriptor), ...tree.blobs]) {
      blobs.add(digest);
      const held = (bundle.blobs.get(digest) ?? bundle.absent.get(digest))?.size;
      if (held === undefined) wrong.push(`${digest} is missing`);
      else if (held !== size) wrong.push(`${digest} has ${held} bytes, its manifest says ${size}`);
    }
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    wrong.push(error.message);
  }
  return { blobs, wrong };
}

/** The images and charts that need any of the blobs, by blob. Reads all manifests, and keeps nothing of other blobs. */
export async function whoNeeds(
  bundle: BundleFile,
  wanted: ReadonlySet<Digest>,
  options: { readonly signal: AbortSignal },
): Promise<ReadonlyMap<Digest, readonly string[]>> {
  const names = new Map<Digest, string[]>();
  for (const root of rootsOf(bundle)) {
    const { blobs } = await neededBlobs(bundle, root, options);
    for (const digest of blobs) if (wanted.has(digest)) names.set(digest, [...(names.get(digest) ?? []), root.name]);
  }
  return names;
}
