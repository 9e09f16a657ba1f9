import type { BundleLayout } from '../bundle/bundle-layout.ts';
import { blockSize, tarHeader } from '../bundle/tar-header.ts';
import type { Placed, TarContent, TarFile } from '../bundle/tar-layout.ts';

/** A header and its body, those of tars within the tar too, which then have only a header of their own. */
export interface TarPiece {
  readonly name: string;
  readonly header: Buffer;
  /** Of the body in the bundle. */
  readonly position: number;
  /** Of the body; 0 for a tar, whose files are pieces themselves. */
  readonly size: number;
  readonly content: TarContent;
}

/** All that a bundle consists of, in file order. */
export function tarPieces({ files }: Pick<BundleLayout, 'files'>, start = 0): readonly TarPiece[] {
  return files.flatMap((file) => piecesOf(file, start));
}

function piecesOf({ name, size, content, position }: Placed<TarFile>, start: number): readonly TarPiece[] {
  const own = { name, header: tarHeader(name, size), position: start + position, content };
  if (content.from !== 'archive') return [{ ...own, size }];
  return [{ ...own, size: 0 }, ...tarPieces(content.layout, start + position)];
}

/** What lies between the pieces and behind them, up to `size`: zeros, less than a block or two each. */
export function tarGaps(
  pieces: readonly TarPiece[],
  size: number,
): readonly { readonly position: number; readonly size: number }[] {
  const gaps: { position: number; size: number }[] = [];
  let end = 0;
  const until = (position: number) => {
    if (position > end) gaps.push({ position: end, size: position - end });
  };
  for (const piece of pieces) {
    until(piece.position - blockSize);
    end = piece.position + piece.size;
  }
  until(size);
  return gaps;
}
