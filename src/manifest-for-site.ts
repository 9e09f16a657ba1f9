import { dirname } from 'node:path';
import { readSite } from '../bundle-spec/read-bundle.ts';
import { installManifestsYaml } from '../cluster/install-manifests.ts';
import { siteForJob } from '../cluster/site-for-job.ts';
import { openBundle } from '../images/bundle-reader.ts';

/** Everything to apply behind the gap as one YAML stream. Throws SITE_INVALID, FILE_UNREADABLE, BUNDLE_*. */
export async function manifestForSite(
  file: string,
  siteFile: string,
  options: { readonly signal: AbortSignal },
): Promise<string> {
  const site = await siteForJob(await readSite(siteFile, options), { directory: dirname(siteFile), ...options });
  const bundle = await openBundle(file, options);
  try {
    return installManifestsYaml(bundle.json, site);
  } finally {
    await bundle.close();
  }
}
