import type { BundleLayout } from '../bundle/bundle-layout.ts';
import { blockSize, tarHeader } from '../bundle/tar-header.ts';
import type { TarContent } from '../bundle/tar-layout.ts';

/** A header and its body, those of tars within the tar too, which then have only a header of their own. */
export interface TarPiece {
  readonly name: string;
  /** Made when it is wanted: those of 20,000 blobs would take 10 MB. */
  header(): Buffer;
  /** Of the body in the bundle. */
  readonly position: number;
  /** Of the body; 0 for a tar, whose files are pieces themselves. */
  readonly size: number;
  readonly content: TarContent;
}

/** All that a bundle consists of, in file order. */
export function* tarPieces({ files }: Pick<BundleLayout, 'files'>, start = 0): Iterable<TarPiece> {
  for (const { name, size, content, position } of files) {
    const isTar = content.from === 'archive';
    yield { name, header: () => tarHeader(name, size), position: start + position, size: isTar ? 0 : size, content };
    if (isTar) yield* tarPieces(content.layout, start + position);
  }
}

/** What lies between the pieces and behind them, up to `size`: zeros, less than a block or two each. */
export function* tarGaps(
  pieces: Iterable<TarPiece>,
  size: number,
): Iterable<{ readonly position: number; readonly size: number }> {
  let end = 0;
  for (const piece of pieces) {
    const begin = piece.position - blockSize;
    if (begin > end) yield { position: end, size: begin - end };
    end = piece.position + piece.size;
  }
  if (size > end) yield { position: end, size: size - end };
}
