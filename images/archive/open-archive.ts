import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { blobName } from '../bundle/tar-layout.ts';
import type { HeldDocument } from '../descriptor.ts';
import { digestOf } from '../digest.ts';
import { parseManifest } from '../manifest.ts';
import type { Located } from '../plan/image-plan.ts';
import type { Reference } from '../reference.ts';
import type { Transfers } from '../transfer/transfers.ts';
import { type ArchiveFiles, noArchive, openArchiveFiles, readSmall } from './archive-files.ts';
import { type ArchiveBlobs, archiveStore } from './archive-store.ts';
import { dockerImages } from './docker-images.ts';
import { type FoundImage, nameImages } from './found-image.ts';

/** Where images lie beside registries: a tar or a directory, and which image of it. */
export interface ArchiveName {
  readonly path: string;
  /** Which image of several; of one, what to call it. Default: all, by their own names. */
  readonly image?: string;
}

/** Images of an archive. Each `located` lets it be planned and pulled like one of a registry, until the archive is closed. */
export interface Archive {
  readonly images: readonly { readonly reference: Reference; readonly located: Located }[];
  close(): Promise<void>;
}

interface OpenOptions {
  readonly transfers?: Transfers;
  readonly signal: AbortSignal;
}

/**
 * Opens what `docker save`, `podman save`, `docker buildx`, buildah and skopeo write: docker archives, OCI archives, and the directories
 * `oci:` and `dir:`. What it is shows in its files. Blobs are read in place. Throws FILE_UNREADABLE, BUNDLE_INVALID (no such archive,
 * compressed, hostile, truncated), REFERENCE_INVALID (no such image, or none of that name) and MANIFEST_INVALID.
 */
export async function openArchive({ path, image }: ArchiveName, options: OpenOptions): Promise<Archive> {
  const files = await openArchiveFiles(path, options);
  try {
    const { images, blobs } = await readImages(files, options);
    const named = nameImages(images, path, image);
    return {
      images: named.map(({ reference, root }) => {
        const registry = archiveStore(files, blobs, root.digest, options);
        return { reference, located: { registry, repository: reference.repository, archive: path } };
      }),
      close: () => files.close(),
    };
  } catch (error) {
    await files.close();
    throw error;
  }
}

interface Found {
  readonly images: readonly FoundImage[];
  readonly blobs: ArchiveBlobs;
}

/** An image layout says most, so it comes before manifest.json, which docker and we write beside it. */
async function readImages(files: ArchiveFiles, options: OpenOptions): Promise<Found> {
  if ((await files.find('oci-layout')) !== undefined) return await layoutImages(files);
  const list = await files.find('manifest.json');
  if (list === undefined) throw noArchive(files.path, 'it has no oci-layout and no manifest.json');
  if ((await files.find('version')) !== undefined && (await isManifest(files))) return await directoryImage(files);
  return await dockerImages(files, options);
}

/** The images that index.json lists (image-spec, image-layout.md). containerd's annotation says more than the other. */
async function layoutImages(files: ArchiveFiles): Promise<Found> {
  const index = parseManifest(await readSmall(files, 'index.json'), `${files.path} (index.json)`);
  if (!('manifests' in index)) throw new BundleError('MANIFEST_INVALID', `index.json of ${files.path} is no index`);
  const images = index.manifests.map((root): FoundImage => {
    const { annotations = {} } = root;
    const names = [annotations['io.containerd.image.name'], annotations['org.opencontainers.image.ref.name']];
    return { names: names.filter((name) => name !== undefined), root };
  });
  return { images, blobs: { nameOf: blobName, made: new Map() } };
}

/** `dir:` of containers/image: the manifest as manifest.json, other manifests as `<hex>.manifest.json`, blobs by their hex alone. */
async function directoryImage(files: ArchiveFiles): Promise<Found> {
  const bytes = await readSmall(files, 'manifest.json');
  const { mediaType, ...manifest } = parseManifest(bytes, `${files.path} (manifest.json)`);
  const root: HeldDocument = { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
  const children = new Set('manifests' in manifest ? manifest.manifests.map(({ digest }) => digest) : []);
  const hexOf = (digest: string) => digest.slice('sha256:'.length);
  const nameOf: ArchiveBlobs['nameOf'] = (digest) => `${hexOf(digest)}${children.has(digest) ? '.manifest.json' : ''}`;
  const made = new Map([[root.descriptor.digest, root]]);
  return { images: [{ names: [], root: root.descriptor }], blobs: { nameOf, made } };
}

/** docker's manifest.json is a list. */
async function isManifest(files: ArchiveFiles): Promise<boolean> {
  return (await readSmall(files, 'manifest.json')).toString('latin1').trimStart().startsWith('{');
}
