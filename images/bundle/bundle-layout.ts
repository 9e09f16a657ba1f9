import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { BundleJson } from '../../bundle-spec/bundle-json.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { Descriptor, HeldDocument } from '../descriptor.ts';
import { digestOf } from '../digest.ts';
import { formatReference } from '../reference.ts';
import { filledPlace } from '../signature/signature-place.ts';
import type { ChartArtifact } from './chart-artifact.ts';
import { imageLayoutFiles, type LayoutImage } from './oci-layout.ts';
import { blobName, bytesFile, type Placed, placeFiles, type TarFile } from './tar-layout.ts';

export const bundleJsonName = 'bundle.json';

/**
 * The entry behind bundle.json: its checksum as `sha256sum` prints and checks it. bundle.json has the checksums of all the rest,
 * so this one line vouches for the whole file. The signature of bundle.json stands behind it, and has a line of its own in it.
 */
export const checksumName = 'bundle.json.sha256';

/** Where `tar xf … install` finds the installer image alone. */
export const installerName = 'install/installer.tar';

/** An image that travels: what it is called and all it consists of. An `ImagePlan` is one. */
export interface CarriedImage extends LayoutImage {
  /** Configs and layers. */
  readonly blobs: readonly Descriptor[];
  /** The source's index where another is stored in its place; importers do not see it. */
  readonly evidence?: HeldDocument;
  /** Signatures and what else refers to it; importers do not see them. */
  readonly attached?: readonly Pick<CarriedImage, 'manifests' | 'blobs'>[];
}

/** bundle.json but for the tables that follow from the rest. */
export type BundleHeader = Omit<BundleJson, 'entries' | 'blobs' | 'absent'>;

/** What goes into a bundle. */
export interface BundleContents {
  readonly header: BundleHeader;
  /** All of `header.images`, the installer image too. */
  readonly images: readonly CarriedImage[];
  readonly charts: readonly ChartArtifact[];
  /** The files of `install/` except `installer.tar`; names begin with `install/`. */
  readonly files: readonly { readonly name: string; readonly bytes: Buffer }[];
  /**
   * Of a delta: blobs that the other side has, and an image there that has each. Configs and layers among them are left out of the
   * tar, unless the installer image has them: that one is always whole.
   */
  readonly held?: ReadonlyMap<Digest, string>;
}

/** A bundle planned to the byte, before the first blob has been fetched. */
export interface BundleLayout {
  /** Bytes of the whole tar. */
  readonly size: number;
  /** In file order: bundle.json, its checksum, the entries, the blobs by digest. */
  readonly files: readonly Placed<TarFile>[];
  /** Every blob of the tar once, with its media type; also those whose bytes are at hand. */
  readonly blobs: ReadonlyMap<Digest, Descriptor>;
  /** bundle.json as it will be, except that entries which hold blobs have no digest yet but `unknownDigest`. */
  readonly json: BundleJson;
}

/** Stands for a digest that only the blobs' bytes give. All digests are as long, so bundle.json's size does not change. */
export const unknownDigest: Digest = `sha256:${'0'.repeat(64)}`;

/**
 * Plans the file of a bundle (design.md, "The bundle file"). Equal contents give equal layouts. Throws SIZE_MISMATCH when two
 * images disagree on the size of a blob.
 */
export function planBundle(contents: BundleContents): BundleLayout {
  const blobs = collectBlobs(contents);
  const absent = takeAbsent(blobs, contents);
  const files = blobFiles(blobs);
  const entries = entryFiles(contents, new Set(absent.map(([digest]) => digest)));
  const json: BundleJson = {
    ...contents.header,
    entries: entries.map((file) => ({ name: file.name, size: file.size, digest: knownDigest(file) })),
    blobs: files.map(({ digest, file }) => [digest, file.size]),
    absent,
  };
  const front = sealedBodies(canonicalJson(json), json.signature).map(({ name, bytes }) => sealed(name, bytes.length));
  const { files: placed, size } = placeFiles([...front, ...entries, ...files.map(({ file }) => file)]);
  const descriptors = new Map([...blobs].map(([digest, { descriptor }]) => [digest, descriptor]));
  return { size, files: placed, blobs: descriptors, json };
}

/** A file at the front of the tar that depends on all the rest. */
export interface SealedBody {
  readonly name: string;
  readonly bytes: Buffer;
}

/** What stands before the entries, in file order. Without `signature` its place is kept free; the sizes are the same. */
export function sealedBodies(json: Buffer, place: BundleJson['signature'], signature?: Buffer): readonly SealedBody[] {
  const first = { name: bundleJsonName, bytes: json };
  const last = place === undefined ? [] : [{ name: place.name, bytes: filledPlace(place, signature) }];
  return [first, { name: checksumName, bytes: Buffer.concat([first, ...last].map(checksumOf)) }, ...last];
}

/** The line that `sha256sum` prints of a file, and checks it with. */
export function checksumOf({ name, bytes }: SealedBody): Buffer {
  return Buffer.from(`${digestOf(bytes).slice('sha256:'.length)}  ${name}\n`);
}

interface Blob {
  readonly descriptor: Descriptor;
  readonly bytes?: Buffer;
}

function collectBlobs({ images, charts }: BundleContents): Map<Digest, Blob> {
  const blobs = new Map<Digest, Blob>();
  const add = (blob: Blob, owner: string) => {
    const { digest, size } = blob.descriptor;
    const known = blobs.get(digest);
    if (known !== undefined && known.descriptor.size !== size) {
      throw new BundleError(
        'SIZE_MISMATCH',
        `${owner} says that ${digest} has ${size} bytes, others say ${known.descriptor.size}`,
      );
    }
    if (known === undefined || known.bytes === undefined) blobs.set(digest, blob);
  };
  for (const image of images) {
    const name = formatReference(image.reference);
    for (const { manifests, blobs: needed } of [image, ...(image.attached ?? [])]) {
      for (const manifest of manifests) add(manifest, name);
      for (const descriptor of needed) add({ descriptor }, name);
    }
    if (image.evidence !== undefined) add(image.evidence, name);
  }
  for (const chart of charts) {
    for (const blob of [chart.manifest, chart.config, chart.layer]) add(blob, 'a chart');
  }
  return blobs;
}

/** Takes out of `blobs` what a delta leaves out. Manifests and charts have bytes at hand and stay. */
function takeAbsent(blobs: Map<Digest, Blob>, { held, images, header }: BundleContents): BundleJson['absent'] {
  if (held === undefined) return [];
  const installer = images.find((image) => formatReference(image.reference) === header.installer);
  const kept = new Set(installer?.blobs.map(({ digest }) => digest));
  const absent: BundleJson['absent'] = [];
  for (const [digest, { descriptor, bytes }] of blobs) {
    const holder = held.get(digest);
    if (holder === undefined || bytes !== undefined || kept.has(digest)) continue;
    absent.push([digest, descriptor.size, holder]);
    blobs.delete(digest);
  }
  return absent.sort(([a], [b]) => (a < b ? -1 : 1));
}

function blobFiles(blobs: ReadonlyMap<Digest, Blob>): { readonly digest: Digest; readonly file: TarFile }[] {
  return [...blobs.values()]
    .map(({ descriptor, bytes }) => ({ digest: descriptor.digest, file: blobFile(descriptor, bytes) }))
    .sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

function blobFile({ digest, size }: Descriptor, bytes: Buffer | undefined): TarFile {
  const name = blobName(digest);
  return bytes === undefined ? { name, size, content: { from: 'blob', digest } } : bytesFile(name, bytes);
}

/** No importer takes an image of which blobs are missing: those that a delta does not hold whole are not listed for them. */
function entryFiles({ header, images, files }: BundleContents, absent: ReadonlySet<Digest>): TarFile[] {
  const { platforms } = header.target;
  const install = files.map(({ name, bytes }) => bytesFile(name, bytes));
  const installer = images.find((image) => formatReference(image.reference) === header.installer);
  if (installer !== undefined) install.push(installerFile(installer, header.target.platforms));
  install.sort((a, b) => (a.name < b.name ? -1 : 1));
  const whole = images.filter((image) => image.blobs.every(({ digest }) => !absent.has(digest)));
  return [...imageLayoutFiles(whole, platforms), ...install];
}

/** An OCI archive of one image, made of the same blobs as the bundle's. */
function installerFile(image: CarriedImage, platforms: BundleJson['target']['platforms']): TarFile {
  const blobs = new Map<Digest, Blob>();
  for (const blob of [...image.manifests, ...image.blobs.map((descriptor) => ({ descriptor }))]) {
    if (!blobs.has(blob.descriptor.digest)) blobs.set(blob.descriptor.digest, blob);
  }
  const layout = placeFiles([...imageLayoutFiles([image], platforms), ...blobFiles(blobs).map(({ file }) => file)]);
  return { name: installerName, size: layout.size, content: { from: 'archive', layout } };
}

function knownDigest({ content }: TarFile): Digest {
  return content.from === 'bytes' ? digestOf(content.bytes) : unknownDigest;
}

function sealed(name: string, size: number): TarFile {
  return { name, size, content: { from: 'sealed' } };
}
