import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { SiteRegistry } from '../bundle-spec/site.ts';
import { findCredentials } from './credentials.ts';
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
    ...(ca === undefined ? {} : { ca: 'inline' in ca ? ca.inline : await readCertificates(ca.file, options) }),
    credentials: ({ signal }) => findCredentials(host, { signal }),
  });
  return { registry, target: { host, prefix } };
}

async function readCertificates(
  file: string,
  { directory, signal }: { directory: string; signal: AbortSignal },
): Promise<string> {
  try {
    return await readFile(resolve(directory, file), { encoding: 'utf8', signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new BundleError('FILE_UNREADABLE', `the certificates ${file}, which registry.ca names, cannot be read`, {
      hint: 'name a PEM file; the path is relative to the site',
      cause,
    });
  }
}
