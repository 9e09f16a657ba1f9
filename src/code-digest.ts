import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Set while the program is bundled: the digest of what it was bundled from. */
declare const DIOLKOS_SOURCES: string | undefined;

let digest: string | undefined;

/** Of the program's own sources, so that another build of the same version finds nothing that this one has cached. */
export function codeDigest(): string {
  digest ??= typeof DIOLKOS_SOURCES === 'undefined' ? sourcesDigest(join(import.meta.dirname, '..')) : DIOLKOS_SOURCES;
  return digest;
}

/** Of the sources below a checkout. */
export function sourcesDigest(root: string): string {
  const hash = createHash('sha256');
  for (const file of globSync('{bundle-spec,images,helm,cluster,src}/**/*.{ts,json}', { cwd: root }).sort()) {
    hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}
