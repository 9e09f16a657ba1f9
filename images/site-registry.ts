import { resolve } from 'node:path';
import type { SiteRegistry } from '../bundle-spec/site.ts';
import { readCertificates } from './certificates.ts';
import { userCredentials } from './credentials.ts';
import type { Target } from './reference.ts';
import { openRegistry, type Registry } from './registry.ts';

/** The registry behind the gap and what the bundle's images are called there. */
export interface OpenSite {
  readonly registry: Registry;
  readonly target: Target;
}

/**
 * Opens the registry of a site. Credentials come from the config files of docker and podman; in the Job, `DOCKER_CONFIG` names the
 * mounted Secret. `directory` is what `ca.file` is relative to. Throws FILE_UNREADABLE; nothing is asked of the network yet.
 */
export async function openSiteRegistry(
  { host, prefix, ca, plainHttp }: SiteRegistry,
  options: { readonly directory: string; readonly signal: AbortSignal },
): Promise<OpenSite> {
  const registry = openRegistry({
    host,
    plainHttp,
    ...(ca === undefined ? {} : { ca: 'inline' in ca ? ca.inline : await readSiteCertificates(ca.file, options) }),
    credentials: userCredentials(host),
  });
  return { registry, target: { host, prefix } };
}

/** The text of the file that `registry.ca` names, relative to `directory`. Throws FILE_UNREADABLE, also when it holds no certificate. */
export function readSiteCertificates(
  file: string,
  { directory, signal }: { readonly directory: string; readonly signal: AbortSignal },
): Promise<string> {
  const hint = 'name a PEM file; the path is relative to the site';
  return readCertificates(resolve(directory, file), { what: `${file}, which registry.ca names`, hint, signal });
}
