import { dirname } from 'node:path';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { readSite } from '../bundle-spec/read-bundle.ts';
import type { SiteReport } from '../bundle-spec/site-report.ts';
import { openBundle } from '../images/bundle/bundle-reader.ts';
import { type PushEvent, type PushReport, pushBundle } from '../images/push/push-bundle.ts';
import { siteReport } from '../images/push/site-report.ts';
import type { TagPolicy } from '../images/registry/registry.ts';
import type { ClientOptions } from '../images/registry/registry-client.ts';
import { describeWait } from '../images/registry/retry-gate.ts';
import { openSiteRegistry } from '../images/registry/site-registry.ts';
import { demandSignature } from '../images/signature/demand-signature.ts';
import { count } from './print-table.ts';
import { formatBytes, type Progress } from './progress.ts';

/**
 * Pushes a bundle to the registry of a site with the credentials of the user's config files. What it gives is a site report too.
 * Throws SITE_INVALID, SIGNATURE_INVALID where none of the site's keys has signed it, BUNDLE_*, VOLUME_MISSING, BASE_MISSING, TAG_CONFLICT, NAME_COLLISION, REGISTRY_*.
 */
export async function pushToSite(
  file: string,
  siteFile: string,
  options: {
    /** Further directories with volumes of the bundle. */
    readonly volumes: readonly string[];
    readonly onTagConflict: TagPolicy;
    readonly progress: Progress;
    readonly signal: AbortSignal;
  },
): Promise<PushReport & SiteReport> {
  const { signal, volumes, onTagConflict, progress } = options;
  const site = await readSite(siteFile, { signal });
  const { registry, target } = await openSiteRegistry(site.registry, {
    directory: dirname(siteFile),
    client: clientOptions(progress),
    signal,
  });
  try {
    const bundle = await openBundle(file, { volumes, signal });
    try {
      await demandSignature(bundle, site, { directory: dirname(siteFile), signal });
      const pushed = await pushBundle(bundle, registry, target, { onTagConflict, onEvent: showPush(progress), signal });
      return { ...(await siteReport(bundle, { signal })), ...pushed };
    } catch (error) {
      throw withFlag(error);
    } finally {
      await bundle.close();
    }
  } finally {
    await registry.close();
  }
}

function clientOptions(progress: Progress): ClientOptions {
  return {
    retry: { onWait: (wait) => progress.say(describeWait(wait)) },
    onWarning: (host, text) => progress.say(`${host} warns: ${text}`),
  };
}

function withFlag(error: unknown): unknown {
  if (!(error instanceof BundleError) || error.code !== 'TAG_CONFLICT') return error;
  const hint =
    'push again with --tag-conflict overwrite to move these tags or skip to leave them, or give registry.prefix of the site another path';
  return new BundleError(error.code, error.message, { hint, cause: error });
}

function showPush(progress: Progress): (event: PushEvent) => void {
  let total = 0;
  let sent = 0;
  return (event) => {
    if (event.type === 'planned') {
      total = event.bytes;
      progress.say(announced(event));
    } else if (event.type === 'progress') {
      sent += event.bytes;
      progress.bytes(sent, total);
    }
  };
}

/** What the target has already of the blobs is known only when each is asked for. */
function announced({ items, bytes, tags, kept }: PushEvent & { readonly type: 'planned' }): string {
  if (items === 0 && tags > 0) return `everything is there already but for ${count(tags, 'tag')}`;
  if (items === 0) return kept > 0 ? 'there is nothing to send' : 'everything is there already';
  return `${items} ${items === 1 ? 'image or chart' : 'images and charts'} to push, at most ${formatBytes(bytes)}`;
}
