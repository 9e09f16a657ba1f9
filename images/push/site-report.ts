import { apiVersion } from '../../bundle-spec/names.ts';
import type { SiteReport } from '../../bundle-spec/site-report.ts';
import type { BundleFile } from '../bundle/bundle-reader.ts';
import { blobHolders } from '../bundle/needed-blobs.ts';
import { digestOf } from '../digest.ts';

/** What a site may say of a bundle once it has all of it: the base of a delta. */
export async function siteReport(bundle: BundleFile, options: { readonly signal: AbortSignal }): Promise<SiteReport> {
  const digest = bundle.parts[0]?.digest ?? digestOf(Buffer.alloc(0));
  const holders = await blobHolders(bundle, options);
  const { name, version } = bundle.json.metadata;
  return {
    apiVersion,
    kind: 'SiteReport',
    bundle: { name, version, digest },
    blobs: Object.fromEntries([...holders].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}
