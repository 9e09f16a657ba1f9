import type { Digest } from '../../bundle-spec/names.ts';
import { blockSize, endSize, paddedSize } from './tar-header.ts';

/**
 * Where the bytes of a file come from: known now, a blob that is still to be fetched, another tar made of such files, or
 * `sealed`: written last by whoever writes the tar, because it depends on all the rest.
 */
export type TarContent =
  | { readonly from: 'bytes'; readonly bytes: Buffer }
  | { readonly from: 'blob'; readonly digest: Digest }
  | { readonly from: 'archive'; readonly layout: TarLayout }
  | { readonly from: 'sealed' };

/** A regular file of a tar to be written. `size` is the body's, in bytes. */
export interface TarFile {
  readonly name: string;
  readonly size: number;
  readonly content: TarContent;
}

/** `position` is where the file's body begins; its header stands in the 512 bytes before. */
export type Placed<T> = T & { readonly position: number };

/** A tar planned to the byte. `size` includes the two zero blocks at its end. */
export interface TarLayout<T = TarFile> {
  readonly files: readonly Placed<T>[];
  readonly size: number;
}

/** Places `files` one behind the other. All offsets follow from the sizes alone. */
export function placeFiles<T extends { readonly size: number }>(files: readonly T[]): TarLayout<T> {
  let next = 0;
  const placed = files.map((file) => {
    const position = next + blockSize;
    next = position + paddedSize(file.size);
    return { ...file, position };
  });
  return { files: placed, size: next + endSize };
}

export function bytesFile(name: string, bytes: Buffer): TarFile {
  return { name, size: bytes.length, content: { from: 'bytes', bytes } };
}

/** The path of a blob in an OCI image layout (image-spec, image-layout.md). */
export function blobName(digest: Digest): string {
  return `blobs/sha256/${digest.slice('sha256:'.length)}`;
}
