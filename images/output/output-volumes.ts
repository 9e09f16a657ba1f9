import { type FileHandle, open } from 'node:fs/promises';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { volumeName } from '../bundle/volume-set.ts';
import { type Extent, sliceExtents } from '../extent.ts';
import { readExtents } from '../extent-reader.ts';
import { writeRange } from '../file-range.ts';

/** A file that a bundle is written to, or a range of it. */
export interface OutputFile {
  /** Its name when it is whole. */
  readonly path: string;
  /** Of its first byte in the bundle. */
  readonly position: number;
  readonly size: number;
}

/** Volumes are numbered with three digits, or four. */
export const mostVolumes = 9999;

/** What a file is called until it is whole. */
export const partialName = (path: string): string => `${path}.partial`;

/** The files of a bundle of `size` bytes: `output` itself, or volumes of at most `volume` bytes. Throws USAGE_INVALID for too many. */
export function outputFiles(output: string, size: number, volume: number | null): readonly OutputFile[] {
  if (volume === null) return [{ path: output, position: 0, size }];
  const count = Math.ceil(size / volume);
  if (count > mostVolumes) {
    throw new BundleError('USAGE_INVALID', `${size} bytes in volumes of ${volume} would be ${count} files`, {
      hint: `at most ${mostVolumes} volumes are written: choose a larger --volume-size`,
    });
  }
  return Array.from({ length: count }, (_, index) => {
    const position = index * volume;
    return { path: volumeName(output, index + 1), position, size: Math.min(volume, size - position) };
  });
}

/** Open files that are one range of bytes together. */
export class OutputVolumes {
  readonly #extents: readonly Extent[];
  readonly #handles: readonly FileHandle[];

  /** `handles` belong to `files`, in their order; from here on they are closed by `close`. */
  constructor(files: readonly OutputFile[], handles: readonly FileHandle[]) {
    this.#handles = handles;
    this.#extents = files.map(({ size }, index) => ({ fd: handles[index]?.fd ?? -1, position: 0, size }));
  }

  get all(): readonly Extent[] {
    return this.#extents;
  }

  extents(position: number, size: number): readonly Extent[] {
    return sliceExtents(this.#extents, position, size);
  }

  read(position: number, size: number): Promise<Buffer> {
    return readExtents(this.extents(position, size));
  }

  async write(bytes: Buffer, position: number): Promise<void> {
    let from = 0;
    for (const extent of this.extents(position, bytes.length)) {
      const handle = this.#handles.find(({ fd }) => fd === extent.fd);
      if (handle !== undefined) await writeRange(handle, bytes.subarray(from, from + extent.size), extent.position);
      from += extent.size;
    }
  }

  /** Gives every file its planned size. */
  async truncate(): Promise<void> {
    for (const [index, handle] of this.#handles.entries()) await handle.truncate(this.#extents[index]?.size ?? 0);
  }

  async datasync(): Promise<void> {
    await Promise.all(this.#handles.map((handle) => handle.datasync()));
  }

  async sync(): Promise<void> {
    await Promise.all(this.#handles.map((handle) => handle.sync()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#handles.map((handle) => handle.close()));
  }
}

/** Opens files for `OutputVolumes`; none stays open when one cannot be. */
export async function openAll(paths: readonly string[], flags: number): Promise<FileHandle[]> {
  const handles: FileHandle[] = [];
  try {
    for (const path of paths) handles.push(await open(path, flags, 0o644));
    return handles;
  } catch (error) {
    await Promise.all(handles.map((handle) => handle.close()));
    throw error;
  }
}
