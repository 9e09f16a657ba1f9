import { join, resolve } from 'node:path';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { SiteRegistry } from '../../bundle-spec/site.ts';
import type { Target } from '../reference.ts';
import { readCertificates } from './certificates.ts';
import { certificatesOfMachine, joinCertificates } from './certs-directory.ts';
import { type ClientCertificate, readClientCertificate } from './client-certificate.ts';
import { userCredentials } from './credentials.ts';
import { openRegistry, type Registry } from './registry.ts';
import type { ClientOptions } from './registry-client.ts';

/** The registry behind the gap and what the bundle's images are called there. */
export interface OpenSite {
  readonly registry: Registry;
  readonly target: Target;
}

interface SiteOptions {
  /** What the paths of the site are relative to. */
  readonly directory: string;
  /** Where `tls.crt` and `tls.key` of the client certificate lie: in the Job, which mounts the Secret. */
  readonly certificateDirectory?: string;
  /** How to retry, and whom to tell of waits and warnings. */
  readonly client?: ClientOptions;
  readonly signal: AbortSignal;
}

/**
 * Opens the registry of a site. Credentials come from the config files of docker and podman; in the Job, `DOCKER_CONFIG` names the
 * mounted Secret. `directory` is what `ca.file` is relative to. Throws FILE_UNREADABLE; nothing is asked of the network yet.
 */
export async function openSiteRegistry(
  { host, prefix, ca, clientCertificate, plainHttp }: SiteRegistry,
  options: SiteOptions,
): Promise<OpenSite> {
  const machine = plainHttp ? {} : certificatesOfMachine(host);
  const named = ca === undefined ? undefined : 'inline' in ca ? ca.inline : await readSiteCertificates(ca.file, options);
  const access = {
    host,
    plainHttp,
    ...machine,
    ...joinCertificates(machine.ca, named),
    ...(clientCertificate === undefined ? {} : await clientCertificateOf(clientCertificate, options)),
    credentials: userCredentials(host),
  };
  return { registry: openRegistry(access, options.client), target: { host, prefix } };
}

/** On a workstation from its files, in the Job from where the Secret is mounted. */
function clientCertificateOf(
  { cert, key }: NonNullable<SiteRegistry['clientCertificate']>,
  { directory, certificateDirectory: mounted, signal }: SiteOptions,
): Promise<ClientCertificate> {
  const what = 'that registry.clientCertificate of the site names';
  if (mounted !== undefined)
    return readClientCertificate({ cert: join(mounted, 'tls.crt'), key: join(mounted, 'tls.key') }, { what, signal });
  if (cert !== undefined && key !== undefined) {
    return readClientCertificate({ cert: resolve(directory, cert), key: resolve(directory, key) }, { what, signal });
  }
  throw new BundleError('SITE_INVALID', 'registry.clientCertificate names a Secret, which only the Job can read', {
    hint: 'name the files beside it for this machine: registry.clientCertificate.cert and registry.clientCertificate.key',
  });
}

/** The text of the file that `registry.ca` names, relative to `directory`. Throws FILE_UNREADABLE, also when it holds no certificate. */
export function readSiteCertificates(
  file: string,
  { directory, signal }: { readonly directory: string; readonly signal: AbortSignal },
): Promise<string> {
  const hint = 'name a PEM file; the path is relative to the site';
  return readCertificates(resolve(directory, file), { what: `${file}, which registry.ca names`, hint, signal });
}
