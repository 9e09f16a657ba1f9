import { dirname } from 'node:path';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { BundleJson } from '../bundle-spec/bundle-json.ts';
import { readSite } from '../bundle-spec/read-bundle.ts';
import type { Site } from '../bundle-spec/site.ts';
import { installManifests } from '../cluster/install-manifests.ts';
import { manifestYaml } from '../cluster/manifest-yaml.ts';
import { siteForJob } from '../cluster/site-for-job.ts';
import { openBundle } from '../images/bundle/bundle-reader.ts';
import type { Format } from './commands/format-option.ts';

/**
 * Everything to apply behind the gap, as kubectl reads it: a YAML stream, or a List in JSON.
 * Throws SITE_INVALID, FILE_UNREADABLE, BUNDLE_*.
 */
export async function manifestForSite(
  file: string,
  siteFile: string,
  { volumes, format, signal }: { readonly volumes: readonly string[]; readonly format: Format; readonly signal: AbortSignal },
): Promise<string> {
  const site = await siteForJob(await readSite(siteFile, { signal }), { directory: dirname(siteFile), signal });
  const bundle = await openBundle(file, { volumes, signal });
  try {
    checkReleases(siteFile, site, bundle.json);
    const items = installManifests(bundle.json, site);
    return format === 'text' ? manifestYaml(items) : `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 2)}\n`;
  } finally {
    await bundle.close();
  }
}

/** Values for a release that is not there would be for nothing, and nobody would be told. */
function checkReleases(siteFile: string, { values }: Site, { releases }: BundleJson): void {
  const there = releases.map(({ name }) => name);
  const unknown = Object.keys(values).filter((name) => !there.includes(name));
  if (unknown.length === 0) return;
  throw new BundleError('SITE_INVALID', `${siteFile} has values for ${unknown.join(', ')}, which the bundle does not install`, {
    hint: `releases of this bundle: ${there.join(', ')}`,
  });
}
