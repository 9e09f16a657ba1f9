import { indexTypes, manifestTypes } from '../images/media-types.ts';
import { targetPrefix } from './contestants/contestant.ts';
import { imageHost } from './image-set.ts';
import type { SeededImage, SeededSet } from './seed-registry.ts';

/** How many images a registry holds whole: every manifest of the source, by its digest. */
export async function imagesHeld(set: SeededSet, host: string, options: { readonly signal: AbortSignal }): Promise<number> {
  let held = 0;
  for (const image of set.images) if (await isHeld(image, host, options)) held += 1;
  return held;
}

async function isHeld({ repository, manifests }: SeededImage, host: string, options: { readonly signal: AbortSignal }) {
  const accept = [...indexTypes, ...manifestTypes].join(', ');
  for (const digest of manifests) {
    const url = `http://${host}/v2/${targetPrefix}/${imageHost}/${repository}/manifests/${digest}`;
    const answer = await fetch(url, { ...options, method: 'HEAD', headers: { accept } });
    if (!answer.ok) return false;
  }
  return true;
}
