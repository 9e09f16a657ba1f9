import { createHash, type Hash } from 'node:crypto';
import type { Digest } from '../bundle-spec/names.ts';

export function digestOf(bytes: Buffer): Digest {
  return digestFrom(createHash('sha256').update(bytes));
}

/** The digest of all that `hash`, a sha256, was fed; it takes nothing more afterwards. */
export function digestFrom(hash: Hash): Digest {
  return `sha256:${hash.digest('hex')}`;
}
