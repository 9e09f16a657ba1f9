import type { HeldDocument } from '../images/descriptor.ts';
import { digestOf } from '../images/digest.ts';
import { ociIndexType, ociManifestType } from '../images/media-types.ts';

/** Layers of one image. With its config it has so many blobs and one more. */
const layersEach = 19;

/** An image of two platforms, made of its number alone. */
export interface MadeImage {
  readonly index: HeldDocument;
  readonly platforms: readonly HeldDocument[];
}

export function makeImage(number: number): MadeImage {
  const platforms = ['amd64', 'arm64'].map((architecture) => makePlatform(number, architecture));
  const manifests = platforms.map(({ descriptor }, at) => {
    return { ...descriptor, platform: { os: 'linux', architecture: at === 0 ? 'amd64' : 'arm64' } };
  });
  return { index: held(ociIndexType, { schemaVersion: 2, mediaType: ociIndexType, manifests }), platforms };
}

/** The bytes of every blob of the platform that is stored. */
export function blobsOf(number: number): Buffer[] {
  return Array.from({ length: layersEach + 1 }, (_, at) => blobOf(number, 'amd64', at));
}

function makePlatform(number: number, architecture: string): HeldDocument {
  const descriptors = Array.from({ length: layersEach + 1 }, (_, at) => {
    const bytes = blobOf(number, architecture, at);
    const mediaType = `application/vnd.oci.image.${at === 0 ? 'config.v1+json' : 'layer.v1.tar+gzip'}`;
    return { mediaType, digest: digestOf(bytes), size: bytes.length };
  });
  const [config, ...layers] = descriptors;
  return held(ociManifestType, { schemaVersion: 2, mediaType: ociManifestType, config, layers });
}

function blobOf(number: number, architecture: string, at: number): Buffer {
  return Buffer.from(`blob ${at} of image ${number} for ${architecture}`);
}

function held(mediaType: string, json: unknown): HeldDocument {
  const bytes = Buffer.from(JSON.stringify(json));
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}
