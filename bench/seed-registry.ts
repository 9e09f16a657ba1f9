import { readFile } from 'node:fs/promises';
import type { Digest, Platform } from '../bundle-spec/names.ts';
import type { Descriptor, HeldDocument } from '../images/descriptor.ts';
import { digestOf } from '../images/digest.ts';
import { dockerListType, dockerManifestType, ociIndexType, ociManifestType } from '../images/media-types.ts';
import { type BlobBody, bytesBody } from '../images/registry/blob-body.ts';
import { openRegistry, type Registry } from '../images/registry/registry.ts';
import type { RegistryAccess } from '../images/registry/registry-access.ts';
import { authority } from './distribution.ts';
import { type BenchImage, type BenchLayer, imageSets, layersOf, type SetName } from './image-set.ts';
import { layerBytes } from './layer-bytes.ts';

/** The set as it lies in the source registry. */
export interface SeededSet {
  readonly host: string;
  /** The source and every target speak TLS. */
  readonly tls: boolean;
  readonly images: readonly SeededImage[];
  /** Configs and layers, each once, with a repository that has it. */
  readonly blobs: readonly SeededBlob[];
  /** Bytes of the blobs. */
  readonly size: number;
}

export interface SeededImage extends BenchImage {
  /** The digest of what the tag names. */
  readonly digest: Digest;
  /** Every manifest, the root last. */
  readonly manifests: readonly Digest[];
}

export interface SeededBlob {
  readonly repository: string;
  readonly digest: Digest;
  readonly size: number;
}

const types = {
  oci: {
    manifest: ociManifestType,
    index: ociIndexType,
    config: 'application/vnd.oci.image.config.v1+json',
    layer: 'application/vnd.oci.image.layer.v1.tar',
    packed: '+gzip',
  },
  docker: {
    manifest: dockerManifestType,
    index: dockerListType,
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar',
    packed: '.gzip',
  },
};

interface Seeding {
  readonly registry: Registry;
  readonly scale: number;
  readonly signal: AbortSignal;
  /** Layers made so far, by name: a shared one is made once and mounted. */
  readonly layers: Map<string, { readonly blob: SeededBlob; readonly diffId: Digest }>;
  readonly blobs: Map<Digest, SeededBlob>;
}

/** Makes every image and pushes it to the registry at `host`, one blob in memory at a time. */
export async function seedRegistry(
  host: string,
  options: { readonly set: SetName; readonly scale: number; readonly tls: boolean; readonly signal: AbortSignal },
): Promise<SeededSet> {
  const { tls } = options;
  const registry = openRegistry(await accessTo(host, { tls }));
  const seeding: Seeding = { ...options, registry, layers: new Map(), blobs: new Map() };
  try {
    const images: SeededImage[] = [];
    for (const image of imageSets[options.set]) images.push(await seedImage(seeding, image));
    const blobs = [...seeding.blobs.values()];
    return { host, tls, images, blobs, size: blobs.reduce((sum, blob) => sum + blob.size, 0) };
  } finally {
    await registry.close();
  }
}

/** How a registry of this run is reached. */
export async function accessTo(host: string, { tls }: Pick<SeededSet, 'tls'>): Promise<RegistryAccess> {
  return tls ? { host, plainHttp: false, ca: await readFile(authority, 'utf8') } : { host, plainHttp: true };
}

async function seedImage(seeding: Seeding, image: BenchImage): Promise<SeededImage> {
  const { registry, signal } = seeding;
  const children: { readonly manifest: HeldDocument; readonly entry: object }[] = [];
  for (const platform of image.platforms) {
    const manifest = await seedPlatform(seeding, image, platform);
    children.push({ manifest, entry: { platform: platformJson(platform) } });
  }
  if (image.attested) for (const { manifest } of [...children]) children.push(await seedAttestation(seeding, image, manifest));
  const [first] = children;
  const alone = image.platforms.length === 1 && first !== undefined;
  const root = alone ? first.manifest : indexOf(image, children);
  const manifests = alone ? [root] : [...children.map(({ manifest }) => manifest), root];
  for (const manifest of manifests) await registry.pushManifest(image.repository, manifest, { signal });
  await registry.pushTag(image.repository, image.tag, root, { policy: 'error', signal });
  return { ...image, digest: root.descriptor.digest, manifests: manifests.map(({ descriptor }) => descriptor.digest) };
}

async function seedPlatform(seeding: Seeding, image: BenchImage, platform: Platform): Promise<HeldDocument> {
  const type = image.docker ? types.docker : types.oci;
  const layers: Descriptor[] = [];
  const diffIds: Digest[] = [];
  for (const layer of layersOf(image, platform, seeding.scale)) {
    const { blob, diffId } = await seedLayer(seeding, image.repository, layer);
    const mediaType = `${type.layer}${layer.plain ? '' : type.packed}`;
    layers.push({ mediaType, digest: blob.digest, size: blob.size });
    diffIds.push(diffId);
  }
  const config = document(type.config, {
    ...platformJson(platform),
    config: { Entrypoint: ['/data'], Labels: { image: image.repository } },
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: diffIds.map((_, position) => ({ created: '1970-01-01T00:00:00Z', created_by: `layer ${position}` })),
  });
  await seedBlob(seeding, image.repository, config.bytes);
  return document(type.manifest, { schemaVersion: 2, mediaType: type.manifest, config: config.descriptor, layers });
}

async function seedLayer(
  seeding: Seeding,
  repository: string,
  layer: BenchLayer,
): Promise<{ readonly blob: SeededBlob; readonly diffId: Digest }> {
  const known = seeding.layers.get(layer.name);
  if (known !== undefined) {
    await mountBlob(seeding, repository, known.blob);
    return known;
  }
  const { bytes, diffId } = layerBytes(layer);
  const made = { blob: await seedBlob(seeding, repository, bytes), diffId };
  seeding.layers.set(layer.name, made);
  return made;
}

async function seedBlob({ registry, blobs, signal }: Seeding, repository: string, bytes: Buffer): Promise<SeededBlob> {
  const blob = { repository, digest: digestOf(bytes), size: bytes.length };
  await registry.pushBlob(repository, { mediaType: 'application/octet-stream', ...blob }, bytesBody(bytes, blob), { signal });
  blobs.set(blob.digest, blob);
  return blob;
}

async function mountBlob({ registry, signal }: Seeding, repository: string, blob: SeededBlob): Promise<void> {
  const refuse: BlobBody = {
    open() {
      throw new Error(`the registry does not mount ${blob.digest}`);
    },
    prove: async () => undefined,
  };
  await registry.pushBlob(repository, { mediaType: 'application/octet-stream', ...blob }, refuse, {
    mountFrom: blob.repository,
    signal,
  });
}

async function seedAttestation(
  seeding: Seeding,
  { repository }: BenchImage,
  subject: HeldDocument,
): Promise<{ readonly manifest: HeldDocument; readonly entry: object }> {
  const { digest } = subject.descriptor;
  const statement = { _type: 'https://in-toto.io/Statement/v0.1', predicateType: 'https://spdx.dev/Document', subject: [digest] };
  const layer = document('application/vnd.in-toto+json', statement);
  const config = document(types.oci.config, {
    architecture: 'unknown',
    os: 'unknown',
    config: {},
    rootfs: { type: 'layers', diff_ids: [layer.descriptor.digest] },
  });
  for (const { bytes } of [layer, config]) await seedBlob(seeding, repository, bytes);
  const manifest = document(ociManifestType, {
    schemaVersion: 2,
    mediaType: ociManifestType,
    config: config.descriptor,
    layers: [layer.descriptor],
  });
  const annotations = { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': digest };
  return { manifest, entry: { platform: { architecture: 'unknown', os: 'unknown' }, annotations } };
}

function indexOf(
  image: BenchImage,
  children: readonly { readonly manifest: HeldDocument; readonly entry: object }[],
): HeldDocument {
  const mediaType = (image.docker ? types.docker : types.oci).index;
  const manifests = children.map(({ manifest, entry }) => ({ ...manifest.descriptor, ...entry }));
  return document(mediaType, { schemaVersion: 2, mediaType, manifests });
}

function document(mediaType: string, json: object): HeldDocument {
  const bytes = Buffer.from(JSON.stringify(json));
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

function platformJson(platform: Platform): { readonly os: string; readonly architecture: string } {
  const [os = '', architecture = ''] = platform.split('/');
  return { os, architecture };
}
