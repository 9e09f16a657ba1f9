import type { FileHandle } from 'node:fs/promises';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import { type Extent, sliceExtents } from '../extent.ts';
import { readExtents, streamExtents } from '../extent-reader.ts';
import { openForReading } from '../file-range.ts';
import { type FoundVolume, findVolumes, type VolumeSet, volumeName, volumeProblem } from './volume-set.ts';

/** An open file of a bundle: all of it, or one volume. */
export interface BundleVolume extends FoundVolume {
  readonly fd: number;
  /** Where its first byte stands in the whole. */
  readonly start: number;
}

/** The bytes of a bundle as one range, wherever they lie. */
export interface BundleBytes {
  /** What errors call it: the file, or the name that the joined volumes would have. */
  readonly path: string;
  readonly size: number;
  /** One for a plain file. */
  readonly volumes: readonly BundleVolume[];
  /** True for volumes, also for a single one. */
  readonly split: boolean;
  /** What parts.json says of the whole. */
  readonly whole?: { readonly size: number; readonly bundleJson: Digest };
  extents(position: number, size: number): readonly Extent[];
  /** Volumes that a range lies in. */
  volumesOf(position: number, size: number): readonly BundleVolume[];
  /** Throws BUNDLE_INVALID past the end, and BUNDLE_DAMAGED where the disk cannot be read. */
  read(position: number, size: number): Promise<Buffer>;
  /** As `read`, in blocks of 1 MiB. */
  stream(position: number, size: number, options: { readonly signal: AbortSignal }): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly signal: AbortSignal;
  /** Further directories in which volumes are looked for. */
  readonly volumes?: readonly string[];
}

/**
 * Opens one file, or the volumes that `path` names (`shop.tar`, `shop.tar.001`, `shop.tar.parts.json`), in place. Throws
 * FILE_UNREADABLE, VOLUME_MISSING, BUNDLE_DAMAGED (a volume of another size), BUNDLE_INVALID.
 */
export async function openBundleBytes(path: string, { volumes = [] }: OpenOptions): Promise<BundleBytes> {
  const set = await findVolumes(path, volumes);
  const found = set?.volumes ?? [{ path, size: 0 }];
  const handles: FileHandle[] = [];
  const close = async () => {
    await Promise.all(handles.splice(0).map((handle) => handle.close()));
  };
  try {
    const opened: BundleVolume[] = [];
    let start = 0;
    for (const volume of found) {
      const handle = await openForReading(volume.path);
      handles.push(handle);
      const status = await handle.stat();
      if (status.isDirectory()) throw isDirectory(volume.path);
      opened.push({ ...volume, size: status.size, fd: handle.fd, start });
      start += status.size;
    }
    return bundleBytes(set?.name ?? path, opened, set, { size: start, close });
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Volumes that were found by their numbers alone: all but the last have one size, so that `size`, the bytes of the whole, says what each
 * should have. Gives what is wrong with them.
 */
export function numberedProblem(bytes: BundleBytes, size: number, folders: readonly string[]): BundleError | undefined {
  const [first] = bytes.volumes;
  if (!bytes.split || bytes.whole !== undefined || first === undefined || first.size === 0) return undefined;
  const count = Math.max(bytes.volumes.length, Math.ceil(size / first.size));
  const expected = Array.from({ length: count }, (_, index) => ({
    name: volumeName(bytes.path, index + 1),
    size: Math.max(0, Math.min(first.size, size - index * first.size)),
  }));
  const found = new Map(bytes.volumes.map((volume, index) => [volumeName(bytes.path, index + 1), volume]));
  return volumeProblem(bytes.path, expected, found, folders);
}

function bundleBytes(
  path: string,
  volumes: readonly BundleVolume[],
  set: VolumeSet | undefined,
  { size, close }: Pick<BundleBytes, 'size' | 'close'>,
): BundleBytes {
  const all = volumes.map(({ fd, size: length }) => ({ fd, position: 0, size: length }));
  const extents = (position: number, length: number): readonly Extent[] => {
    if (volumes.length === 1 && volumes[0] !== undefined) return [{ fd: volumes[0].fd, position, size: length }];
    if (position + length > size) throw pastEnd(path, position + length - size);
    return sliceExtents(all, position, length);
  };
  const volumesOf = (position: number, length: number) =>
    volumes.filter(({ start, size: held }) => start < position + length && position < start + held);
  const naming = (position: number, length: number) => (cause: unknown) => {
    throw unreadable(volumesOf(position, length), cause);
  };
  return {
    path,
    size,
    volumes,
    split: set !== undefined,
    ...(set?.whole === undefined ? {} : { whole: set.whole }),
    extents,
    volumesOf,
    read: async (position, length) => readExtents(extents(position, length)).catch(naming(position, length)),
    async *stream(position, length, options) {
      try {
        yield* streamExtents(extents(position, length), options);
      } catch (error) {
        naming(position, length)(error);
      }
    },
    close,
  };
}

/** A disk that cannot give its bytes any more is a damaged copy, not a bug. */
function unreadable(volumes: readonly { readonly path: string }[], cause: unknown): unknown {
  const failed = cause instanceof Error && 'syscall' in cause && cause.syscall === 'read' && 'code' in cause;
  if (!failed) return cause;
  const names = volumes.map(({ path }) => path).join(' or ');
  return new BundleError('BUNDLE_DAMAGED', `${names} cannot be read: the disk reports ${cause.code}`, {
    hint: 'copy it again from where it was made, to another disk',
    cause,
  });
}

function pastEnd(path: string, missing: number): BundleError {
  return new BundleError('BUNDLE_INVALID', `${path} ends ${missing} bytes too early`, {
    hint: 'copy it again from where it was made',
  });
}

function isDirectory(path: string): BundleError {
  return new BundleError('BUNDLE_INVALID', `${path} is no bundle: it is a directory`, {
    hint: 'give the file that diolkos build wrote',
  });
}
