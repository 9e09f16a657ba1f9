import { createHash } from 'node:crypto';
import { z } from 'zod';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { Digest } from '../../bundle-spec/names.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { Descriptor, HeldDocument } from '../descriptor.ts';
import { digestFrom, digestOf } from '../digest.ts';
import { readExtents, streamExtents } from '../extent-reader.ts';
import { jsonValue } from '../json-value.ts';
import { ociManifestType } from '../media-types.ts';
import { type ArchiveFiles, demand, readSmall } from './archive-files.ts';
import type { ArchiveBlobs } from './archive-store.ts';
import type { FoundImage } from './found-image.ts';

/** manifest.json as `docker save` writes it (moby, image/tarexport). */
const DockerList = z.array(
  z.object({
    Config: z.string().min(1).max(4096),
    RepoTags: z.array(z.string().max(4096)).nullish(),
    Layers: z.array(z.string().min(1).max(4096)).nullish(),
  }),
);
type DockerItem = z.infer<typeof DockerList>[number];

const DockerConfig = z.object({ rootfs: z.object({ diff_ids: z.array(Digest).nullish() }) });

const configType = 'application/vnd.oci.image.config.v1+json';
const layerType = 'application/vnd.oci.image.layer.v1.tar';

/** How a layer file begins tells how it is compressed. */
const compressions: readonly (readonly [string, string])[] = [
  ['1f8b', '+gzip'],
  ['28b52ffd', '+zstd'],
];

/**
 * The images of a docker archive without an image layout: `docker save` before 25, `podman save`, and build tools. It has no manifests, so
 * each image gets one of ours: config and layers byte for byte as they are, the same archive the same digest. An uncompressed layer is
 * known by its diff id; a compressed one has to be read once. Throws MANIFEST_INVALID, BUNDLE_INVALID.
 */
export async function dockerImages(
  files: ArchiveFiles,
  options: { readonly signal: AbortSignal },
): Promise<{ readonly images: readonly FoundImage[]; readonly blobs: ArchiveBlobs }> {
  const names = new Map<Digest, string>();
  const made = new Map<Digest, HeldDocument>();
  // Images share layers, and a compressed one takes a read.
  const layers = new Map<string, Descriptor>();
  const images: FoundImage[] = [];
  for (const item of await readList(files)) {
    const manifest = await makeManifest(files, item, { names, layers }, options);
    made.set(manifest.descriptor.digest, manifest);
    const tags = item.RepoTags ?? [];
    const root = manifest.descriptor;
    images.push(...(tags.length === 0 ? [{ names: [], root }] : tags.map((tag) => ({ names: [tag], root }))));
  }
  return { images, blobs: { nameOf: (digest) => names.get(digest), made } };
}

async function readList(files: ArchiveFiles): Promise<readonly DockerItem[]> {
  const { data, error } = DockerList.safeParse(jsonValue(await readSmall(files, 'manifest.json')));
  if (data !== undefined) return data;
  const [issue] = error.issues;
  throw invalid(files, `its manifest.json is none: ${issue?.path.join('.') || 'top'}: ${issue?.message}`);
}

async function makeManifest(
  files: ArchiveFiles,
  { Config, Layers }: DockerItem,
  known: { readonly names: Map<Digest, string>; readonly layers: Map<string, Descriptor> },
  options: { readonly signal: AbortSignal },
): Promise<HeldDocument> {
  const config = await readSmall(files, Config);
  const { data } = DockerConfig.safeParse(jsonValue(config));
  const diffIds = data?.rootfs.diff_ids ?? [];
  if (data === undefined || diffIds.length !== (Layers ?? []).length) {
    throw invalid(files, `${Config} does not list a diff id for each of its ${(Layers ?? []).length} layers`);
  }
  const layers: Descriptor[] = [];
  for (const [index, name] of (Layers ?? []).entries()) {
    const diffId = diffIds[index] ?? digestOf(config);
    const layer = known.layers.get(`${diffId} ${name}`) ?? (await describeLayer(files, name, diffId, options));
    known.layers.set(`${diffId} ${name}`, layer);
    known.names.set(layer.digest, name);
    layers.push(layer);
  }
  const described = { mediaType: configType, digest: digestOf(config), size: config.length };
  known.names.set(described.digest, Config);
  const bytes = canonicalJson({ schemaVersion: 2, mediaType: ociManifestType, config: described, layers });
  return { descriptor: { mediaType: ociManifestType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

async function describeLayer(
  files: ArchiveFiles,
  name: string,
  diffId: Digest,
  { signal }: { readonly signal: AbortSignal },
): Promise<Descriptor> {
  const file = await demand(files, name);
  return await file.use(async (extent) => {
    const start = (await readExtents([{ ...extent, size: Math.min(4, extent.size) }])).toString('hex');
    const compression = compressions.find(([magic]) => start.startsWith(magic))?.[1];
    if (compression === undefined) return { mediaType: layerType, digest: diffId, size: file.size };
    const hash = createHash('sha256');
    for await (const block of streamExtents([extent], { signal })) hash.update(block);
    return { mediaType: `${layerType}${compression}`, digest: digestFrom(hash), size: file.size };
  });
}

function invalid({ path }: ArchiveFiles, why: string): BundleError {
  return new BundleError('MANIFEST_INVALID', `${path} is no docker archive that can be read: ${why}`, {
    hint: 'make it again: docker save -o <file> <image>',
  });
}
