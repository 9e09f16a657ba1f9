import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { CarriedChart } from '../../bundle-spec/bundle-json.ts';
import type { LockedAttached, LockedImage } from '../../bundle-spec/lock.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import type { BundleFile } from '../bundle/bundle-reader.ts';
import { type CarriedRoot, readCarriedTree } from '../bundle/carried-tree.ts';
import type { HeldDocument } from '../descriptor.ts';
import { ociManifestType } from '../media-types.ts';
import type { ImageTree } from '../plan/image-tree.ts';
import { formatReference, localReference, parseReference, type Reference, storedReference, type Target } from '../reference.ts';

/** An image, a chart, or an artifact that refers to an image, and where it goes. */
export interface PushItem extends ImageTree {
  readonly kind: 'image' | 'chart' | 'attached';
  /** The reference of the image as the charts have it, also of what is attached to it; of a chart its name and version. */
  readonly name: string;
  /** What it is called at the target: the digest, where there is one, is that of the stored form. */
  readonly local: Reference;
  readonly root: HeldDocument;
  /** The tag to set. `required`: the cluster pulls by it. Otherwise the reference has a digest, and the tag is set where it is free. */
  readonly tag?: { readonly name: string; readonly required: boolean };
  /** An index some of whose children are left out: not every registry takes it. */
  readonly sparse?: boolean;
  /** Of an artifact that is found by the manifest it refers to. */
  readonly subject?: Digest;
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
  for (const image of bundle.json.images) {
    add(await imageItem(bundle, image, target, options));
    for (const artifact of image.attached ?? []) add(await attachedItem(bundle, image, artifact, target, options));
  }
  for (const chart of bundle.json.charts) add(await chartItem(bundle, chart, target, options));
  return shareTags([...items.values()]);
}

/** The reference of a chart at the target. A tag has no "+", so it is "_" there, as helm has it. */
function localChart(
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
  const sparse = image.mode === 'sparse';
  const tree = await readTree(bundle, { ...image, sparse }, options);
  const tag = local.tag === undefined ? {} : { tag: { name: local.tag, required: local.digest === undefined } };
  return { kind: 'image', name: image.reference, local, ...tag, ...tree, ...(sparse && { sparse }) };
}

/** Next to its image. By the digest of its subject it stays findable even where the image is stored in another form. */
async function attachedItem(
  bundle: BundleFile,
  image: LockedImage,
  { digest, mediaType, subject, tag }: LockedAttached,
  target: Target,
  options: { readonly signal: AbortSignal },
): Promise<PushItem> {
  const tree = await readTree(bundle, { digest, mediaType }, options);
  const { host, repository } = localImage(image, target);
  const item = { kind: 'attached', name: image.reference, ...tree } as const;
  if (tag === undefined) return { ...item, local: { host, repository, digest }, subject };
  return { ...item, local: { host, repository, tag }, tag: { name: tag, required: true } };
}

async function chartItem(
  bundle: BundleFile,
  chart: CarriedChart,
  target: Target,
  options: { readonly signal: AbortSignal },
): Promise<PushItem> {
  const tree = await readTree(bundle, { digest: chart.manifest, mediaType: ociManifestType }, options);
  const local = localChart(chart, target);
  return { kind: 'chart', name: `${chart.name} ${chart.version}`, local, tag: { name: local.tag, required: true }, ...tree };
}

async function readTree(
  bundle: BundleFile,
  carried: CarriedRoot,
  options: { readonly signal: AbortSignal },
): Promise<ImageTree & { readonly root: HeldDocument }> {
  const tree = await readCarriedTree(bundle, carried, options);
  const root = tree.manifests.at(-1);
  const absent = tree.blobs.find(({ digest, size }) => (bundle.blobs.get(digest) ?? bundle.absent.get(digest))?.size !== size);
  if (root === undefined || absent !== undefined) {
    throw new BundleError('BUNDLE_INVALID', `${bundle.path} does not hold ${absent?.digest ?? carried.digest}`, {
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
