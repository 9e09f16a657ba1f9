import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { CarriedChart } from '../bundle-spec/bundle-json.ts';
import type { LockedImage } from '../bundle-spec/lock.ts';
import type { Digest } from '../bundle-spec/names.ts';
import type { BundleFile } from './bundle-reader.ts';
import type { Descriptor, HeldDocument } from './descriptor.ts';
import { type ImageTree, readImageTree } from './image-tree.ts';
import { ociManifestType } from './media-types.ts';
import { formatReference, localReference, parseReference, type Reference, storedReference, type Target } from './reference.ts';

/** An image or chart and where it goes. */
export interface PushItem extends ImageTree {
  readonly kind: 'image' | 'chart';
  /** The reference of the image as the charts have it; of a chart its name and version. */
  readonly name: string;
  /** What it is called at the target: the digest, where there is one, is that of the stored form. */
  readonly local: Reference;
  readonly root: HeldDocument;
  /** The tag to set. `required`: the cluster pulls by it. Otherwise the reference has a digest, and the tag is set where it is free. */
  readonly tag?: { readonly name: string; readonly required: boolean };
}

/** Where the charts of a bundle are put, below the target's prefix. */
const chartsPath = 'charts';

/**
 * Reads all manifests of a bundle and names what they become at `target`: images as `localReference` does, charts
 * `<prefix>/charts/<name>:<version>`. Each image or chart once. Throws NAME_COLLISION when two of them want one tag, BUNDLE_INVALID
 * when a blob is absent, BUNDLE_DAMAGED.
 */
export async function planPush(
  bundle: BundleFile,
  target: Target,
  options: { readonly signal: AbortSignal },
): Promise<readonly PushItem[]> {
  const items = new Map<string, PushItem>();
  const add = (item: PushItem) => items.set(`${formatReference(item.local)} ${item.root.descriptor.digest}`, item);
  for (const image of bundle.json.images) add(await imageItem(bundle, image, target, options));
  for (const chart of bundle.json.charts) add(await chartItem(bundle, chart, target, options));
  return shareTags([...items.values()]);
}

/** The reference of a chart at the target. A tag has no "+", so it is "_" there, as helm has it. */
export function localChart(
  { name, version }: { readonly name: string; readonly version: string },
  target: Target,
): Reference & { readonly tag: string } {
  const prefix = target.prefix === '' ? '' : `${target.prefix}/`;
  return { host: target.host, repository: `${prefix}${chartsPath}/${name}`, tag: version.replaceAll('+', '_') };
}

/** The reference under which an image of the bundle is found at the target. */
export function localImage({ reference, digest }: Pick<LockedImage, 'reference' | 'digest'>, target: Target): Reference {
  return storedReference(localReference(parseReference(reference), target), digest);
}

async function imageItem(
  bundle: BundleFile,
  image: LockedImage,
  target: Target,
  options: { readonly signal: AbortSignal },
): Promise<PushItem> {
  const local = localImage(image, target);
  const tree = await readTree(bundle, image.digest, image.mediaType, options);
  const tag = local.tag === undefined ? {} : { tag: { name: local.tag, required: local.digest === undefined } };
  return { kind: 'image', name: image.reference, local, ...tag, ...tree };
}

async function chartItem(
  bundle: BundleFile,
  chart: CarriedChart,
  target: Target,
  options: { readonly signal: AbortSignal },
): Promise<PushItem> {
  const tree = await readTree(bundle, chart.manifest, ociManifestType, options);
  const local = localChart(chart, target);
  return { kind: 'chart', name: `${chart.name} ${chart.version}`, local, tag: { name: local.tag, required: true }, ...tree };
}

async function readTree(
  bundle: BundleFile,
  digest: Digest,
  mediaType: string,
  options: { readonly signal: AbortSignal },
): Promise<ImageTree & { readonly root: HeldDocument }> {
  const descriptor: Descriptor = { mediaType, digest, size: bundle.blobs.get(digest)?.size ?? 0 };
  const tree = await readImageTree(descriptor, (wanted) => bundle.readBlob(wanted.digest, options));
  const root = tree.manifests.at(-1);
  const absent = tree.blobs.find((blob) => bundle.blobs.get(blob.digest)?.size !== blob.size);
  if (root === undefined || absent !== undefined) {
    throw new BundleError('BUNDLE_INVALID', `${bundle.path} does not hold ${absent?.digest ?? digest}`, {
      hint: 'diolkos verify lists all that is missing',
    });
  }
  return { ...tree, root };
}

/** Gives each tag to one digest: to the items that require it, else to the first that likes it. */
function shareTags(items: readonly PushItem[]): PushItem[] {
  const owners = new Map<string, PushItem>();
  const place = ({ local, tag }: PushItem) => `${local.repository}:${tag?.name}`;
  const owns = (item: PushItem) => owners.get(place(item))?.root.descriptor.digest === item.root.descriptor.digest;
  for (const item of items.filter(({ tag }) => tag?.required === true)) {
    const owner = owners.get(place(item));
    if (owner === undefined) owners.set(place(item), item);
    else if (!owns(item)) throw collision(owner, item);
  }
  for (const item of items) if (item.tag !== undefined && !owners.has(place(item))) owners.set(place(item), item);
  return items.map((item) => (item.tag === undefined || owns(item) ? item : withoutTag(item)));
}

function withoutTag({ tag: _, ...item }: PushItem): PushItem {
  return item;
}

function collision(one: PushItem, other: PushItem): BundleError {
  const place = formatReference(other.local);
  return new BundleError('NAME_COLLISION', `${one.name} and ${other.name} are different and would both be ${place}`);
}
