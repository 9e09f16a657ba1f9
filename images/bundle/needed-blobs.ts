import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { LockedImage } from '../../bundle-spec/lock.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import { ociManifestType } from '../media-types.ts';
import type { BundleFile } from './bundle-reader.ts';
import { type CarriedRoot, readCarriedTree } from './carried-tree.ts';

/** An image or chart of a bundle, or what travels with an image: what that is called, and the root among the blobs. */
export interface BundleRoot extends CarriedRoot {
  readonly name: string;
  /** One blob, whatever it names: the index that a stored platform comes from. */
  readonly alone?: boolean;
}

/** All images and charts, with the signatures and the original index of each image under its name. */
export function rootsOf({ json }: BundleFile): BundleRoot[] {
  const images = json.images.flatMap(rootsOfImage);
  const charts = json.charts.map(({ name, version, manifest }) => ({
    name: `chart ${name} ${version}`,
    digest: manifest,
    mediaType: ociManifestType,
  }));
  return [...images, ...charts];
}

function rootsOfImage({ reference: name, digest, mediaType, mode, source, attached = [] }: LockedImage): BundleRoot[] {
  const own = { name, digest, mediaType, sparse: mode === 'sparse' };
  const evidence = source === digest ? [] : [{ name, digest: source, mediaType, alone: true }];
  return [own, ...evidence, ...attached.map((artifact) => ({ name, digest: artifact.digest, mediaType: artifact.mediaType }))];
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
    if (root.alone === true) {
      if (!bundle.blobs.has(root.digest)) wrong.push(`${root.digest}, the index it comes from, is missing`);
      return { blobs, wrong };
    }
    const readBlob: BundleFile['readBlob'] = (digest, own) => {
      blobs.add(digest);
      return bundle.readBlob(digest, own);
    };
    const tree = await readCarriedTree({ ...bundle, readBlob }, root, options);
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
    for (const digest of blobs) {
      const known = names.get(digest) ?? [];
      if (wanted.has(digest) && !known.includes(root.name)) names.set(digest, [...known, root.name]);
    }
  }
  return names;
}

/** An image that has each config and layer of a bundle's images, also of those that a delta leaves out. */
export async function blobHolders(
  bundle: BundleFile,
  options: { readonly signal: AbortSignal },
): Promise<ReadonlyMap<Digest, string>> {
  const holders = new Map<Digest, string>();
  for (const { reference, mode, ...root } of bundle.json.images) {
    const { blobs } = await readCarriedTree(bundle, { ...root, sparse: mode === 'sparse' }, options);
    for (const { digest } of blobs) if (!holders.has(digest)) holders.set(digest, reference);
  }
  return holders;
}
