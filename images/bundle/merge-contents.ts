import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { BundleJson } from '../../bundle-spec/bundle-json.ts';
import type { LockedImage } from '../../bundle-spec/lock.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import type { HeldDocument } from '../descriptor.ts';
import { parseManifest } from '../manifest.ts';
import { ociManifestType } from '../media-types.ts';
import { parseReference } from '../reference.ts';
import type { Abortable } from '../registry/registry.ts';
import { type BundleContents, type BundleHeader, type CarriedImage, installerName } from './bundle-layout.ts';
import type { BundleFile } from './bundle-reader.ts';
import { type CarriedRoot, readCarriedTree } from './carried-tree.ts';
import type { ChartArtifact } from './chart-artifact.ts';

/**
 * All that goes into a whole bundle with this header, out of bundles that have it together. Throws BASE_MISSING with all images that lack
 * blobs, BUNDLE_INVALID, BUNDLE_DAMAGED.
 */
export async function mergedContents(
  header: BundleHeader,
  bundles: readonly BundleFile[],
  files: BundleContents['files'],
  options: Abortable,
): Promise<BundleContents> {
  const images: CarriedImage[] = [];
  for (const image of header.images) images.push(await carriedImage(image, bundles, options));
  refuseMissing(images, header.images, bundles);
  const charts: ChartArtifact[] = [];
  for (const chart of header.charts) charts.push(await carriedChart(chart, bundles, options));
  return { header, images, charts, files };
}

/** The files of `install/` in a bundle, but the installer image. */
export async function installFiles(bundle: BundleFile, options: Abortable): Promise<BundleContents['files']> {
  const names = bundle.json.entries.map(({ name }) => name);
  const wanted = names.filter((name) => name.startsWith('install/') && name !== installerName);
  return Promise.all(wanted.map(async (name) => ({ name, bytes: await bundle.readEntry(name, options) })));
}

async function carriedImage(image: LockedImage, bundles: readonly BundleFile[], options: Abortable): Promise<CarriedImage> {
  const { reference, source, digest, attached = [] } = image;
  const tree = await treeOf({ ...image, sparse: image.mode === 'sparse' }, bundles, options);
  const stored = tree.manifests.at(-1);
  if (stored === undefined) throw new BundleError('BUNDLE_INVALID', `${reference} has no manifest`);
  const evidence = source === digest ? undefined : await document(source, bundles, options);
  const artifacts = [];
  for (const artifact of attached) artifacts.push(await treeOf(artifact, bundles, options));
  return {
    ...tree,
    reference: parseReference(reference),
    stored,
    ...(evidence === undefined ? {} : { evidence }),
    attached: artifacts,
  };
}

/** The tree as the first bundle has it that has its root: a delta has all manifests. */
async function treeOf(root: CarriedRoot, bundles: readonly BundleFile[], options: Abortable) {
  return readCarriedTree(holderOf(root.digest, bundles), root, options);
}

function holderOf(digest: Digest, bundles: readonly BundleFile[]): BundleFile {
  const holder = bundles.find(({ blobs }) => blobs.has(digest));
  if (holder !== undefined) return holder;
  throw new BundleError('BUNDLE_INVALID', `none of these bundles has ${digest}`, { hint: 'diolkos verify says what is missing' });
}

async function document(digest: Digest, bundles: readonly BundleFile[], options: Abortable): Promise<HeldDocument | undefined> {
  const holder = bundles.find(({ blobs }) => blobs.has(digest));
  if (holder === undefined) return undefined;
  const bytes = await holder.readBlob(digest, options);
  return { descriptor: { mediaType: parseManifest(bytes, digest).mediaType, digest, size: bytes.length }, bytes };
}

async function carriedChart(
  { name, manifest: digest }: BundleJson['charts'][number],
  bundles: readonly BundleFile[],
  options: Abortable,
): Promise<ChartArtifact> {
  const bundle = holderOf(digest, bundles);
  const bytes = await bundle.readBlob(digest, options);
  const named = parseManifest(bytes, digest);
  const [layer] = 'layers' in named ? named.layers : [];
  if (!('layers' in named) || layer === undefined) throw new BundleError('BUNDLE_INVALID', `chart ${name} is no chart`);
  const held = async (descriptor: HeldDocument['descriptor']): Promise<HeldDocument> => ({
    descriptor,
    bytes: await bundle.readBlob(descriptor.digest, options),
  });
  const manifest = { descriptor: { mediaType: ociManifestType, digest, size: bytes.length }, bytes };
  return { manifest, config: await held(named.config), layer: await held(layer) };
}

function refuseMissing(images: readonly CarriedImage[], locked: readonly LockedImage[], bundles: readonly BundleFile[]): void {
  const isHeld = (digest: Digest) => bundles.some(({ blobs }) => blobs.has(digest));
  const lines = images.flatMap(({ blobs, attached = [] }, index) => {
    const missing = [blobs, ...attached.map((artifact) => artifact.blobs)].flat().filter(({ digest }) => !isHeld(digest));
    return missing.length === 0 ? [] : `${locked[index]?.reference} lacks ${missing.map(({ digest }) => digest).join(', ')}`;
  });
  if (lines.length === 0) return;
  const bases = new Set(bundles.flatMap(({ json: { base } }) => (base === undefined ? [] : `${base.name} ${base.version}`)));
  throw new BundleError('BASE_MISSING', ['these bundles are not whole together:', ...lines].join('\n  '), {
    hint: `give the base too: ${[...bases].join(', ')}`,
  });
}
