import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Digest, Platform } from '../../bundle-spec/names.ts';
import { blockSize, endSize, paddedSize, tarHeader } from '../../images/bundle/tar-header.ts';
import type { Descriptor, HeldDocument } from '../../images/descriptor.ts';
import { digestOf } from '../../images/digest.ts';
import { dockerListType, dockerManifestType, ociIndexType, ociManifestType } from '../../images/media-types.ts';
import { bytesBody } from '../../images/registry/blob-body.ts';
import type { Registry } from '../../images/registry/registry.ts';

/** An image and all its bytes. */
export interface SampleImage {
  /** The manifest or index to pull. */
  readonly root: HeldDocument;
  /** Children first, the root last. */
  readonly manifests: readonly HeldDocument[];
  /** Configs and layers, each once. */
  readonly blobs: readonly HeldDocument[];
}

export interface SampleOptions {
  /** Uncompressed bytes of each layer's one file. Default one layer of 2000. */
  readonly layers?: readonly number[];
  readonly platform?: Platform;
  /** The same seed gives the same bytes. Default random. */
  readonly seed?: string;
  /** Docker's media types instead of OCI's. Default false. */
  readonly docker?: boolean;
}

const types = {
  oci: {
    manifest: ociManifestType,
    index: ociIndexType,
    config: 'application/vnd.oci.image.config.v1+json',
    layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  },
  docker: {
    manifest: dockerManifestType,
    index: dockerListType,
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  },
};

/** A runnable image of random bytes: real tar layers in real gzip, and a config whose diff ids are true. */
export function sampleImage(options: SampleOptions = {}): SampleImage {
  const { layers = [2000], platform = 'linux/amd64', docker = false, seed = randomBytes(8).toString('hex') } = options;
  const type = docker ? types.docker : types.oci;
  const tars = layers.map((size, index) => layerTar(`data/${index}`, noise(`${seed} ${platform} ${index}`, size)));
  const packed = tars.map((tar) => held(type.layer, gzipSync(tar, { level: 1 })));
  const [os = 'linux', architecture = 'amd64', variant] = platform.split('/');
  const configJson = {
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    config: { Entrypoint: ['/data/0'] },
    rootfs: { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) },
    history: tars.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: 'sample' })),
  };
  const config = heldJson(type.config, configJson);
  const descriptors = packed.map(({ descriptor }) => descriptor);
  const root = heldJson(type.manifest, {
    schemaVersion: 2,
    mediaType: type.manifest,
    config: config.descriptor,
    layers: descriptors,
  });
  return { root, manifests: [root], blobs: distinct([config, ...packed]) };
}

/** An index over one image a platform. With `attested`, an attestation for each, as buildkit adds them. */
export function sampleIndex(
  platforms: readonly Platform[],
  options: Omit<SampleOptions, 'platform'> & { readonly attested?: boolean } = {},
): SampleImage {
  const type = options.docker ? types.docker : types.oci;
  const images = platforms.map((platform) => ({ platform, image: sampleImage({ ...options, platform }) }));
  const attestations = options.attested ? images.map(({ image }) => sampleAttestation(image.root.descriptor.digest)) : [];
  const manifests = [
    ...images.map(({ platform, image }) => ({ ...image.root.descriptor, platform: platformJson(platform) })),
    ...attestations.map(({ image, annotations }) => ({
      ...image.root.descriptor,
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations,
    })),
  ];
  const root = heldJson(type.index, { schemaVersion: 2, mediaType: type.index, manifests });
  const all = [...images.map(({ image }) => image), ...attestations.map(({ image }) => image)];
  return { root, manifests: [...all.map((image) => image.root), root], blobs: distinct(all.flatMap(({ blobs }) => blobs)) };
}

/** An artifact that is no image: one JSON blob with a config of nothing. */
export function sampleArtifact(artifactType: string): SampleImage {
  const config = held('application/vnd.oci.empty.v1+json', Buffer.from('{}'));
  const blob = heldJson('application/json', { nonce: randomBytes(8).toString('hex') });
  const json = {
    schemaVersion: 2,
    mediaType: ociManifestType,
    artifactType,
    config: config.descriptor,
    layers: [blob.descriptor],
  };
  const root = heldJson(ociManifestType, json);
  return { root, manifests: [root], blobs: [config, blob] };
}

/** Pushes an image with our own client: blobs, children, root, then the tag if there is one. */
export async function pushSample(
  registry: Registry,
  repository: string,
  tag: string | undefined,
  image: SampleImage,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  for (const { descriptor, bytes } of image.blobs) {
    await registry.pushBlob(repository, descriptor, bytesBody(bytes, descriptor), { signal });
  }
  for (const manifest of image.manifests) await registry.pushManifest(repository, manifest, { signal });
  if (tag !== undefined) await registry.pushTag(repository, tag, image.root, { policy: 'overwrite', signal });
}

/** Bytes in pieces of 64 KiB, as a file would give them. */
export async function* chunksOf(bytes: Buffer, size = 64 << 10): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Some bytes under a descriptor of their own. */
export function held(mediaType: string, bytes: Buffer): HeldDocument {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

export function heldJson(mediaType: string, json: unknown): HeldDocument {
  return held(mediaType, Buffer.from(JSON.stringify(json)));
}

function sampleAttestation(subject: Digest): { readonly image: SampleImage; readonly annotations: Record<string, string> } {
  const config = heldJson(types.oci.config, { architecture: 'unknown', os: 'unknown', rootfs: { type: 'layers', diff_ids: [] } });
  const layer = heldJson('application/vnd.in-toto+json', { subject });
  const json = { schemaVersion: 2, mediaType: ociManifestType, config: config.descriptor, layers: [layer.descriptor] };
  const root = heldJson(ociManifestType, json);
  const annotations = { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': subject };
  return { image: { root, manifests: [root], blobs: [config, layer] }, annotations };
}

/** Bytes that do not compress, the same for the same seed. */
export function noise(seed: string, size: number): Buffer {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

function layerTar(name: string, bytes: Buffer): Buffer {
  const tar = Buffer.alloc(blockSize + paddedSize(bytes.length) + endSize);
  tarHeader(name, bytes.length).copy(tar);
  bytes.copy(tar, blockSize);
  return tar;
}

function platformJson(platform: Platform): NonNullable<Descriptor['platform']> {
  const [os = '', architecture = '', variant] = platform.split('/');
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

function distinct(blobs: readonly HeldDocument[]): HeldDocument[] {
  return [...new Map(blobs.map((blob) => [blob.descriptor.digest, blob])).values()];
}
