import { dirname } from 'node:path';
import { readSite } from '../bundle-spec/read-bundle.ts';
import { openBundle } from '../images/bundle-reader.ts';
import { type PushEvent, type PushReport, pushBundle } from '../images/push-bundle.ts';
import type { TagPolicy } from '../images/registry.ts';
import { openSiteRegistry } from '../images/site-registry.ts';
import { formatBytes, type Progress } from './progress.ts';

/**
 * Pushes a bundle to the registry of a site with the credentials of the user's config files.
 * Throws SITE_INVALID, BUNDLE_*, TAG_CONFLICT, NAME_COLLISION, REGISTRY_*.
 */
export async function pushToSite(
  file: string,
  siteFile: string,
  options: { readonly onTagConflict: TagPolicy; readonly progress: Progress; readonly signal: AbortSignal },
): Promise<PushReport> {
  const { signal, onTagConflict, progress } = options;
  const site = await readSite(siteFile, { signal });
  const bundle = await openBundle(file, { signal });
  const { registry, target } = await openSiteRegistry(site.registry, { directory: dirname(siteFile), signal });
  try {
    return await pushBundle(bundle, registry, target, { onTagConflict, onEvent: showPush(progress), signal });
  } finally {
    await Promise.all([registry.close(), bundle.close()]);
  }
}

function showPush(progress: Progress): (event: PushEvent) => void {
  let total = 0;
  let sent = 0;
  return (event) => {
    if (event.type === 'planned') {
      total = event.bytes;
      progress.say(`${event.items} images and charts to push, at most ${formatBytes(total)}`);
    } else if (event.type === 'progress') {
      sent += event.bytes;
      progress.bytes(sent, total);
    }
  };
}
