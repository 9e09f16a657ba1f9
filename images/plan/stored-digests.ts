import type { LockedImage } from '../../bundle-spec/lock.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import { parseReference } from '../reference.ts';

/** What a bundle stores for a digest at the source; one that is stored as it is need not be there. */
export type StoredDigests = ReadonlyMap<Digest, Digest>;

/** The digests of pinned references that a bundle stores in another form. */
export function storedDigests(images: readonly Pick<LockedImage, 'reference' | 'digest'>[]): StoredDigests {
  const pairs = images.map(({ reference, digest }) => [parseReference(reference).digest, digest] as const);
  return new Map(pairs.flatMap(([pinned, stored]) => (pinned === undefined || pinned === stored ? [] : [[pinned, stored]])));
}
