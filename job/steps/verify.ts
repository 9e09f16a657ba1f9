import { dirname } from 'node:path';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { BundleJson } from '../../bundle-spec/bundle-json.ts';
import { readSite } from '../../bundle-spec/read-bundle.ts';
import type { Site } from '../../bundle-spec/site.ts';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { verifyOpened } from '../../images/bundle/verify-bundle.ts';
import { demandSignature } from '../../images/signature/demand-signature.ts';
import { known, type Run } from '../run.ts';

/**
 * Opens the bundle and the site. Where the site has keys, nothing of the bundle is used before its signature is proven. Structure, entries
 * and manifests are checked; other blobs are proven while they are sent.
 */
export async function verify(run: Run): Promise<void> {
  const { options, reporter, signal } = run;
  run.bundle = await openBundle(options.bundleFile, { volumes: options.volumes, signal });
  const bundle = known(run, 'bundle');
  reporter.bundle = bundle.json.metadata;
  const site = await readSite(options.siteFile, { signal });
  checkFiles(site);
  const signature = await demandSignature(bundle, site, { directory: dirname(options.siteFile), signal });
  if (signature !== undefined) reporter.event('signature', { ...signature });
  const verified = await verifyOpened(bundle, { full: false, signal });
  reporter.event('verified', { ...verified });
  checkReleases(site, bundle.json);
  run.site = site;
  run.target = { host: site.registry.host, prefix: site.registry.prefix };
  run.namespace = options.namespace ?? site.job.namespace;
}

/** A site is only right for a bundle: its releases have to be there. */
function checkReleases(site: Site, { releases, metadata }: BundleJson): void {
  const names = releases.map(({ name }) => name);
  const unknown = Object.keys(site.values).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new BundleError(
    'SITE_INVALID',
    `the site has values for release "${unknown}", which bundle ${metadata.name} does not have`,
    { hint: `its releases are: ${names.join(', ')}` },
  );
}

/** No file of a workstation can be read here. */
function checkFiles({ values, registry, signedBy = [] }: Site): void {
  const named = [...Object.values(values).flat(), registry.ca, ...signedBy];
  const file = named.map(fileOf).find((one) => one !== undefined);
  if (file === undefined) return;
  throw new BundleError('SITE_INVALID', `the site names the file ${file}, which is not in the Job's pod`, {
    hint: 'write its content as "inline" into the site; "diolkos manifest" does that for you',
  });
}

function fileOf(named: object | undefined): string | undefined {
  return named !== undefined && 'file' in named ? String(named.file) : undefined;
}
