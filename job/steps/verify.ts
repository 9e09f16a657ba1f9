import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { BundleJson } from '../../bundle-spec/bundle-json.ts';
import { readSite } from '../../bundle-spec/read-bundle.ts';
import type { Site } from '../../bundle-spec/site.ts';
import { openBundle } from '../../images/bundle-reader.ts';
import { verifyBundle } from '../../images/verify-bundle.ts';
import { known, type Run } from '../run.ts';

/** Opens the bundle and the site. Structure, entries and manifests are checked; other blobs are hashed while they are sent. */
export async function verify(run: Run): Promise<void> {
  const { options, reporter, signal } = run;
  run.bundle = await openBundle(options.bundleFile, { signal });
  reporter.bundle = known(run, 'bundle').json.metadata;
  const verified = await verifyBundle(options.bundleFile, { full: false, signal });
  reporter.event('verified', { ...verified });
  const site = await readSite(options.siteFile, { signal });
  checkSite(site, run.bundle.json);
  run.site = site;
  run.target = { host: site.registry.host, prefix: site.registry.prefix };
  run.namespace = options.namespace ?? site.job.namespace;
}

/** A site is only right for a bundle: its releases have to be there, and no file of a workstation can be read here. */
function checkSite(site: Site, { releases, metadata }: BundleJson): void {
  const names = releases.map(({ name }) => name);
  const unknown = Object.keys(site.values).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new BundleError(
      'SITE_INVALID',
      `the site has values for release "${unknown}", which bundle ${metadata.name} does not have`,
      {
        hint: `its releases are: ${names.join(', ')}`,
      },
    );
  }
  const layers = Object.values(site.values).flat();
  const file = layers.find((layer) => 'file' in layer)?.file ?? fileOf(site.registry.ca);
  if (file === undefined) return;
  throw new BundleError('SITE_INVALID', `the site names the file ${file}, which is not in the Job's pod`, {
    hint: 'write its content as "inline" into the site; "diolkos manifest" does that for you',
  });
}

function fileOf(ca: Site['registry']['ca']): string | undefined {
  return ca !== undefined && 'file' in ca ? ca.file : undefined;
}
