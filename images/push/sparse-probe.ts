import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { HeldDocument } from '../descriptor.ts';
import { digestOf } from '../digest.ts';
import { ociIndexType, ociManifestType } from '../media-types.ts';
import { bytesBody } from '../registry/blob-body.ts';
import type { Abortable, Registry } from '../registry/registry.ts';
import type { PushItem } from './push-plan.ts';

/** What a registry is asked to take: an image without layers, and an index that lists it next to one that exists nowhere. */
const config = held('application/vnd.oci.image.config.v1+json', {
  architecture: 'amd64',
  os: 'linux',
  rootfs: { type: 'layers', diff_ids: [] },
});
const image = held(ociManifestType, { schemaVersion: 2, mediaType: ociManifestType, config: config.descriptor, layers: [] });
const nowhere = held(ociManifestType, { 'dev.diolkos.probe': 'this manifest is in no registry' });
const index = held(ociIndexType, {
  schemaVersion: 2,
  mediaType: ociIndexType,
  manifests: [
    { ...image.descriptor, platform: { os: 'linux', architecture: 'amd64' } },
    { ...nowhere.descriptor, platform: { os: 'linux', architecture: 's390x' } },
  ],
});

/**
 * Finds out, before any image is sent, whether the registry takes an index of which platforms are absent, by pushing a tiny one into the
 * repository of the first of `items` that is sparse. It has no tag, and is deleted again where the registry deletes: a repository of its
 * own would stay in catalogues for good. Nothing is asked when no item is sparse. Throws REGISTRY_FAILED with all images concerned.
 */
export async function probeSparse(registry: Registry, items: readonly PushItem[], options: Abortable): Promise<void> {
  const sparse = items.filter((item) => item.sparse === true);
  const [first] = sparse;
  if (first === undefined) return;
  const { repository } = first.local;
  await registry.pushBlob(repository, config.descriptor, bytesBody(config.bytes, config.descriptor), options);
  await registry.pushManifest(repository, image, options);
  try {
    await registry.pushManifest(repository, index, options);
  } catch (error) {
    throw error instanceof BundleError && isRefusal(error) ? refused(registry, sparse, error) : error;
  } finally {
    await remove(registry, repository, options);
  }
}

/** Answers of registries: 400 MANIFEST_BLOB_UNKNOWN or MANIFEST_INVALID, 404 MANIFEST_UNKNOWN. */
function isRefusal({ code }: BundleError): boolean {
  return code === 'REGISTRY_FAILED' || code === 'REGISTRY_NOT_FOUND';
}

/** The index first. That a registry does not delete is no failure. */
async function remove(registry: Registry, repository: string, options: Abortable): Promise<void> {
  for (const { descriptor } of [index, image]) {
    if (options.signal.aborted) return;
    await registry.deleteManifest(repository, descriptor.digest, options).catch(() => false);
  }
}

function refused({ host }: Registry, items: readonly PushItem[], cause: BundleError): BundleError {
  const names = items.map(({ name }) => name).join(', ');
  const message = `${host} takes no index of which platforms are absent, and the bundle has such: ${names}: ${cause.message}`;
  return new BundleError('REGISTRY_FAILED', message, {
    hint: 'build without images.sparse, or let the registry take them (distribution 3: validation.manifests.indexes.platforms: none; Quay: FEATURE_SPARSE_INDEX)',
    cause,
  });
}

function held(mediaType: string, json: unknown): HeldDocument {
  const bytes = canonicalJson(json);
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}
