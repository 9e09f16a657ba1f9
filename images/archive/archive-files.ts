import { type FileHandle, lstat, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { describeForeign } from '../bundle/foreign-file.ts';
import { type FoundFile, walkTar } from '../bundle/tar-walk.ts';
import type { Extent } from '../extent.ts';
import { readExtents } from '../extent-reader.ts';
import { openForReading, readRange } from '../file-range.ts';
import { manifestLimit } from '../manifest.ts';

/** A file of an archive, where it lies. */
export interface ArchiveFile {
  readonly name: string;
  readonly size: number;
  /** Opens it for as long as `work` takes. */
  use<T>(work: (extent: Extent) => Promise<T>): Promise<T>;
}

/** A tar or a directory, looked at and not yet understood. */
export interface ArchiveFiles {
  readonly path: string;
  /** `undefined` when there is no such regular file. Throws BUNDLE_INVALID for a link that leaves the archive. */
  find(name: string): Promise<ArchiveFile | undefined>;
  close(): Promise<void>;
}

/** Links that lead to links are followed this often. */
const mostLinks = 8;

/**
 * Opens a tar, or a directory. Of a tar all headers are read, and no body. Throws FILE_UNREADABLE, BUNDLE_INVALID (compressed, no tar,
 * hostile, truncated).
 */
export async function openArchiveFiles(path: string, options: { readonly signal: AbortSignal }): Promise<ArchiveFiles> {
  const handle = await openForReading(path);
  try {
    const status = await handle.stat();
    if (status.isDirectory()) {
      await handle.close();
      return directoryFiles(path, await realpath(path));
    }
    const files = new Map<string, FoundFile>();
    await readNames(path, files, { handle, size: status.size, signal: options.signal });
    return {
      path,
      find: async (name) => {
        const found = followed(files, name, path);
        return (
          found && { name, size: found.size, use: (work) => work({ fd: handle.fd, position: found.position, size: found.size }) }
        );
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close().catch(() => undefined);
    throw error;
  }
}

/** A whole file. Throws BUNDLE_INVALID when it is absent, MANIFEST_INVALID when it has more than `limit` bytes. */
export async function readSmall(files: ArchiveFiles, name: string, limit = manifestLimit): Promise<Buffer> {
  const file = await demand(files, name);
  if (file.size > limit) {
    throw new BundleError('MANIFEST_INVALID', `${name} of ${files.path} has ${file.size} bytes, and ${limit} are allowed`);
  }
  return await file.use((extent) => readExtents([extent]));
}

/** Throws BUNDLE_INVALID when there is no such file. */
export async function demand(files: ArchiveFiles, name: string): Promise<ArchiveFile> {
  const file = await files.find(name);
  if (file !== undefined) return file;
  throw new BundleError('BUNDLE_INVALID', `${files.path} is incomplete: it has no ${name}`, { hint: 'make the archive again' });
}

async function readNames(
  path: string,
  files: Map<string, FoundFile>,
  { handle, size, signal }: { readonly handle: FileHandle; readonly size: number; readonly signal: AbortSignal },
): Promise<void> {
  try {
    for await (const file of walkTar(handle, path, { signal, links: true })) {
      if (files.has(file.name)) throw new BundleError('BUNDLE_INVALID', `${path} holds "${file.name}" twice`);
      files.set(file.name, file);
    }
  } catch (error) {
    if (files.size > 0 || !(error instanceof BundleError)) throw error;
    const read = (position: number, length: number) => readRange(handle, position, length);
    throw noArchive(path, await describeForeign({ size, read }, { signal }), error);
  }
  if (files.size === 0) throw noArchive(path, size === 0 ? 'it is empty' : 'it is an empty tar');
}

function followed(files: ReadonlyMap<string, FoundFile>, name: string, path: string): FoundFile | undefined {
  let found = files.get(name);
  for (let links = 0; found?.target !== undefined; links += 1) {
    if (links === mostLinks) throw new BundleError('BUNDLE_INVALID', `${name} of ${path} leads from link to link`);
    const next = files.get(found.target);
    if (next === undefined)
      throw new BundleError('BUNDLE_INVALID', `${name} of ${path} is a link to ${found.target}, which it does not hold`);
    found = next;
  }
  return found;
}

/** Files of a directory are opened when they are read: there may be thousands. */
function directoryFiles(path: string, root: string): ArchiveFiles {
  return {
    path,
    find: async (name) => {
      const target = await realpath(join(root, name)).catch(() => undefined);
      if (target === undefined) return undefined;
      if (!target.startsWith(`${root}${sep}`)) {
        throw new BundleError('BUNDLE_INVALID', `${name} of ${path} is a link that points outside of it`);
      }
      const status = await lstat(target); // of anything else, such as a pipe, even the opening may hang
      if (!status.isFile()) return undefined;
      return { name, size: status.size, use: (work) => withFile(target, status.size, work) };
    },
    close: async () => undefined,
  };
}

async function withFile<T>(file: string, size: number, work: (extent: Extent) => Promise<T>): Promise<T> {
  const handle = await openForReading(file);
  try {
    return await work({ fd: handle.fd, position: 0, size });
  } finally {
    await handle.close();
  }
}

/** Throws what stands for "this cannot be a source of images". */
export function noArchive(path: string, why: string, cause?: unknown): BundleError {
  return new BundleError('BUNDLE_INVALID', `${path} is no archive of images: ${why}`, {
    hint: 'make one with docker save, podman save, docker buildx build --output type=oci, or skopeo copy; a compressed one is unpacked with gunzip, unzstd or the like',
    ...(cause === undefined ? {} : { cause }),
  });
}
