import { openRegistry, type Registry } from '../images/registry/registry.ts';
import type { Contestant } from './contestants/contestant.ts';
import { accessTo, type SeededImage, type SeededSet } from './seed-registry.ts';

/** How many images a registry holds whole where the contestant has put them: every manifest of the source, by its digest. */
export async function imagesHeld(
  set: SeededSet,
  contestant: Contestant,
  host: string,
  options: { readonly signal: AbortSignal },
): Promise<number> {
  const registry = openRegistry(await accessTo(host, set));
  try {
    let held = 0;
    for (const image of set.images) if (await isHeld(registry, contestant.repositoryOf(image), image, options)) held += 1;
    return held;
  } finally {
    await registry.close();
  }
}

async function isHeld(
  registry: Registry,
  repository: string,
  { manifests }: SeededImage,
  options: { readonly signal: AbortSignal },
) {
  for (const digest of manifests) {
    const found = await registry.headManifest(repository, digest, options);
    if (typeof found === 'string') return false;
  }
  return true;
}
