import type { Digest } from '../bundle-spec/names.ts';
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

/** A file whose place is known: its header stands in the 512 bytes before `position`, where its body begins. */
export interface PlacedFile extends TarFile {
  readonly position: number;
}

/** A tar planned to the byte. `size` includes the two zero blocks at its end. */
export interface TarLayout {
  readonly files: readonly PlacedFile[];
  readonly size: number;
}

/** Places `files` one behind the other from `start`, which is 0 for a tar of its own. All offsets follow from the sizes alone. */
export function placeFiles(files: readonly TarFile[], start = 0): TarLayout {
  let next = start;
  const placed = files.map((file) => {
    const position = next + blockSize;
    next = position + paddedSize(file.size);
    return { ...file, position };
  });
  return { files: placed, size: next - start + endSize };
}

export function bytesFile(name: string, bytes: Buffer): TarFile {
  return { name, size: bytes.length, content: { from: 'bytes', bytes } };
}

/** The path of a blob in an OCI image layout (image-spec, image-layout.md). */
export function blobName(digest: Digest): string {
  return `blobs/sha256/${digest.slice('sha256:'.length)}`;
}
