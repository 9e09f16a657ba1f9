import type { FileHandle } from 'node:fs/promises';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { Digest } from '../bundle-spec/names.ts';
import { streamSource, verifyBytes } from './blob-source.ts';
import type { Descriptor, HeldDocument } from './descriptor.ts';
import { openForReading, readRange, streamRange } from './file-range.ts';
import { describeForeign } from './foreign-file.ts';
import type { Located } from './image-plan.ts';
import { manifestLimit, parseManifest } from './manifest.ts';
import { formatReference, parseReference, type Reference } from './reference.ts';
import { blobName } from './tar-layout.ts';
import { type FoundFile, walkTar } from './tar-walk.ts';

/** `oci-archive:<path>[:<reference>]`, as skopeo and buildah write it. */
export interface ArchiveName {
  readonly path: string;
  /** Which image of the archive; may be left out when there is one. It also names an image that has no name of its own. */
  readonly image?: string;
}

/** One image of an OCI archive. `located` lets it be planned and pulled like one of a registry. */
export interface ArchivedImage {
  readonly reference: Reference;
  readonly located: Located;
  close(): Promise<void>;
}

const scheme = 'oci-archive:';

/** `undefined` when `text` has another scheme. The path ends at the first colon, as skopeo has it. */
export function parseArchiveName(text: string): ArchiveName | undefined {
  if (!text.startsWith(scheme)) return undefined;
  const rest = text.slice(scheme.length);
  const colon = rest.indexOf(':');
  return colon === -1 ? { path: rest } : { path: rest.slice(0, colon), image: rest.slice(colon + 1) };
}

/**
 * Opens an image of a tar that is an OCI image layout: what buildah, skopeo and `docker buildx --output type=oci` write. Its blobs
 * are read in place. Throws FILE_UNREADABLE, BUNDLE_INVALID (no OCI archive, hostile, truncated), REFERENCE_INVALID (no such image
 * in it, or none chosen) and MANIFEST_INVALID.
 */
export async function openArchivedImage(name: ArchiveName, options: { readonly signal: AbortSignal }): Promise<ArchivedImage> {
  const handle = await openForReading(name.path);
  try {
    const files = await layoutFiles(handle, name.path, options);
    const index = await readSmall(handle, fileOf(files, 'index.json', name.path), name.path);
    const { reference, root } = chooseImage(index, name);
    const store = archiveStore({ handle, files, path: name.path }, root.digest);
    return { reference, located: { registry: store, repository: reference.repository }, close: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

interface Archive {
  readonly handle: FileHandle;
  readonly files: ReadonlyMap<string, FoundFile>;
  readonly path: string;
}

/** A tag is always that of the one image. */
function archiveStore({ handle, files, path }: Archive, root: Digest): Located['registry'] {
  const blob = (digest: Digest) => fileOf(files, blobName(digest), path);
  const stream = ({ digest }: Descriptor, options: { readonly signal: AbortSignal }) => {
    const { position, size } = blob(digest);
    return streamRange(handle, position, size, options);
  };
  const { pull } = streamSource(async (descriptor, options) => stream(descriptor, options), { verified: false, what: path });
  return {
    fetchManifest: async (_repository, wanted) => {
      const digest = Digest.safeParse(wanted).data ?? root;
      return heldManifest(await readSmall(handle, blob(digest), path), digest, path);
    },
    fetchBlob: async (_repository, descriptor, { limit = manifestLimit }) => {
      const bytes = await readSmall(handle, blob(descriptor.digest), path, limit);
      verifyBytes(bytes, descriptor, path);
      return bytes;
    },
    pullBlob: (_repository, descriptor, sink, options) => pull(descriptor, sink, options),
  };
}

async function layoutFiles(
  handle: FileHandle,
  path: string,
  options: { readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, FoundFile>> {
  const files = new Map<string, FoundFile>();
  const status = await handle.stat();
  if (status.isDirectory()) throw noArchive(path, 'it is a directory');
  const read = (position: number, size: number) => readRange(handle, position, size);
  const foreign = () => describeForeign({ size: status.size, read }, options);
  try {
    for await (const file of walkTar(handle, path, options)) {
      if (files.has(file.name)) throw new BundleError('BUNDLE_INVALID', `${path} holds "${file.name}" twice`);
      files.set(file.name, file);
    }
  } catch (error) {
    throw files.size === 0 && error instanceof BundleError ? noArchive(path, await foreign(), error) : error;
  }
  if (!files.has('oci-layout')) throw noArchive(path, await foreign());
  return files;
}

function fileOf(files: ReadonlyMap<string, FoundFile>, name: string, path: string): FoundFile {
  const file = files.get(name);
  if (file !== undefined) return file;
  throw new BundleError('BUNDLE_INVALID', `${path} is incomplete: it has no ${name}`, { hint: 'make the archive again' });
}

async function readSmall(
  handle: FileHandle,
  { name, position, size }: FoundFile,
  path: string,
  limit = manifestLimit,
): Promise<Buffer> {
  if (size <= limit) return readRange(handle, position, size);
  throw new BundleError('MANIFEST_INVALID', `${name} of ${path} has ${size} bytes, and ${limit} are allowed`);
}

function heldManifest(bytes: Buffer, digest: Digest, path: string): HeldDocument {
  const size = bytes.length;
  verifyBytes(bytes, { digest, size }, path);
  const { mediaType } = parseManifest(bytes, digest);
  return { descriptor: { mediaType, digest, size }, bytes };
}

interface Named {
  /** What index.json calls it, the most telling first. */
  readonly names: readonly string[];
  readonly root: Descriptor;
}

function chooseImage(indexJson: Buffer, name: ArchiveName): { readonly reference: Reference; readonly root: Descriptor } {
  const index = parseManifest(indexJson, `${name.path} (index.json)`);
  const images = 'manifests' in index ? index.manifests.map(named) : [];
  const [only] = images;
  const chosen = images.find((image) => name.image !== undefined && isCalled(image, name.image)) ?? fallback(images, name);
  if (chosen === undefined || only === undefined) throw noSuchImage(images, name);
  const text = chosen.names.find((candidate) => /[/:]/.test(candidate)) ?? name.image;
  if (text === undefined) {
    throw new BundleError('REFERENCE_INVALID', `the image in ${name.path} has no name`, {
      hint: `say what to call it: ${scheme}${name.path}:registry.example/path/name:tag`,
    });
  }
  return { reference: parseReference(text), root: chosen.root };
}

/** The one image there is, unless another was asked for by name. */
function fallback(images: readonly Named[], { image }: ArchiveName): Named | undefined {
  const [only, ...more] = images;
  if (only === undefined || more.length > 0) return undefined;
  return image === undefined || only.names.length === 0 ? only : undefined;
}

function isCalled({ names }: Named, wanted: string): boolean {
  return names.includes(wanted) || names.some((name) => canonical(name) === canonical(wanted));
}

function canonical(name: string): string {
  try {
    return formatReference(parseReference(name));
  } catch {
    return name;
  }
}

function named(root: Descriptor): Named {
  const { annotations = {} } = root;
  const names = [annotations['io.containerd.image.name'], annotations['org.opencontainers.image.ref.name']];
  return { names: names.filter((name) => name !== undefined), root };
}

function noSuchImage(images: readonly Named[], { path, image }: ArchiveName): BundleError {
  const held = images.map(({ names, root }) => names[0] ?? root.digest).join(', ') || 'nothing';
  const what = image === undefined ? `${path} holds ${images.length} images` : `${path} has no image ${image}`;
  return new BundleError('REFERENCE_INVALID', `${what}; it holds ${held}`, { hint: `choose one: ${scheme}${path}:<name>` });
}

function noArchive(path: string, why: string, cause?: unknown): BundleError {
  return new BundleError('BUNDLE_INVALID', `${path} is no OCI archive: ${why}`, {
    hint: 'make one with: skopeo copy docker-daemon:<image> oci-archive:<file>:<image>, or docker buildx build --output type=oci',
    ...(cause === undefined ? {} : { cause }),
  });
}
