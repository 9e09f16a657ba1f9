import type { Digest, Platform } from '../../bundle-spec/names.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { HeldDocument } from '../descriptor.ts';
import { type Manifest, parseManifest } from '../manifest.ts';
import { imageConfigTypes, ociIndexType } from '../media-types.ts';
import { isForeign } from '../plan/image-tree.ts';
import { formatPlatform, runnablePlatforms } from '../plan/platform-match.ts';
import { formatReference, type Reference, storedReference } from '../reference.ts';
import { blobName, bytesFile, type TarFile } from './tar-layout.ts';

/** An image as far as an image layout needs it. `manifests` are all it reaches, the root last. */
export interface LayoutImage {
  readonly reference: Reference;
  /** The root: what runtimes will know the image by. */
  readonly stored: HeldDocument;
  readonly manifests: readonly HeldDocument[];
}

interface RunnableManifest {
  readonly manifest: Manifest;
  readonly platform: Platform | undefined;
}

/**
 * The files that make a tar with `blobs/sha256/…` an OCI image layout (image-spec, image-layout.md) and a docker archive:
 * `oci-layout`, `index.json`, `manifest.json`. They list runnable images only, because importers stop at anything else. A docker
 * archive has one platform an image: the first of `platforms` that the image has.
 */
export function imageLayoutFiles(images: readonly LayoutImage[], platforms: readonly Platform[]): TarFile[] {
  const runnable = images.flatMap((image) => {
    const found = runnableManifests(image);
    return found.length === 0 ? [] : [{ image, manifest: forPlatforms(found, platforms) }];
  });
  return [
    bytesFile('oci-layout', canonicalJson({ imageLayoutVersion: '1.0.0' })),
    bytesFile('index.json', canonicalJson(indexOf(runnable.map(({ image }) => image)))),
    bytesFile('manifest.json', canonicalJson(dockerList(runnable))),
  ];
}

/** One entry a name, as every importer wants it; containerd reads the first annotation, skopeo and podman the second. */
function indexOf(images: readonly LayoutImage[]): unknown {
  const manifests = images.map(({ reference, stored }) => {
    const name = formatReference(storedReference(reference, stored.descriptor.digest));
    return {
      mediaType: stored.descriptor.mediaType,
      digest: stored.descriptor.digest,
      size: stored.descriptor.size,
      annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name },
    };
  });
  manifests.sort(by((entry) => entry.annotations['io.containerd.image.name']));
  return { schemaVersion: 2, mediaType: ociIndexType, manifests };
}

/** What `docker save` writes as manifest.json: an item an image, with all its tags. Images known by digest only have none. */
function dockerList(images: readonly { readonly image: LayoutImage; readonly manifest: Manifest | undefined }[]): unknown {
  const tags = tagOwners(images.map(({ image }) => image));
  const items = new Map<Digest, { Config: string; RepoTags: string[]; Layers: string[] }>();
  for (const { image, manifest } of images) {
    // docker load stops at the first layer that is not in the file.
    if (manifest === undefined || manifest.layers.some(isForeign)) continue;
    const { config, layers } = manifest;
    const item = items.get(config.digest) ?? {
      Config: blobName(config.digest),
      RepoTags: [],
      Layers: layers.map((layer) => blobName(layer.digest)),
    };
    item.RepoTags.push(...(tags.get(image) ?? []));
    items.set(config.digest, item);
  }
  return [...items.values()]
    .sort(by((item) => item.Config))
    .map((item) => ({ ...item, RepoTags: item.RepoTags.length === 0 ? null : item.RepoTags.sort() }));
}

/** Which image gets which tag: a docker tag has no digest, so of `x:1` and `x:1@sha256:…` the first is `x:1`. */
function tagOwners(images: readonly LayoutImage[]): Map<LayoutImage, string[]> {
  const owners = new Map<string, LayoutImage>();
  const tagOnlyFirst = [...images].sort(by(({ reference }) => `${reference.digest ?? ''} ${formatReference(reference)}`));
  for (const image of tagOnlyFirst) {
    const { host, repository, tag } = image.reference;
    if (tag === undefined) continue;
    const name = formatReference({ host, repository, tag });
    if (!owners.has(name)) owners.set(name, image);
  }
  const tags = new Map<LayoutImage, string[]>();
  for (const [name, image] of owners) tags.set(image, [...(tags.get(image) ?? []), name]);
  return tags;
}

function forPlatforms(runnable: readonly RunnableManifest[], platforms: readonly Platform[]): Manifest | undefined {
  const wanted = platforms
    .flatMap(runnablePlatforms)
    .flatMap((platform) => runnable.filter((found) => found.platform === platform));
  return (wanted[0] ?? runnable[0])?.manifest;
}

/** The manifests of an image that have an image's config. An attestation has one too, for the platform unknown/unknown. */
function runnableManifests(image: LayoutImage): RunnableManifest[] {
  const found: RunnableManifest[] = [];
  for (const { descriptor, bytes } of image.manifests) {
    const manifest = parseManifest(bytes, descriptor.digest);
    if ('manifests' in manifest || !imageConfigTypes.includes(manifest.config.mediaType)) continue;
    if (descriptor.platform?.os === 'unknown') continue;
    found.push({ manifest, platform: descriptor.platform && formatPlatform(descriptor.platform) });
  }
  return found;
}

function by<T>(key: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
}
