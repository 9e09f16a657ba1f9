import { resolve } from 'node:path';
import type { ChartSource, ImageSource } from '../bundle-spec/bundle.ts';
import { readCertificates } from '../images/registry/certificates.ts';
import { certificatesOfMachine, joinCertificates } from '../images/registry/certs-directory.ts';
import { type ClientCertificate, readClientCertificate } from '../images/registry/client-certificate.ts';
import { documentCredentials, userCredentials } from '../images/registry/credentials.ts';
import type { RegistryAccess } from '../images/registry/registry-access.ts';

interface Options {
  /** The spec's folder, which its paths are relative to. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** How `host` is reached as `source` says; without `credentials` the user's config files are asked. Throws FILE_UNREADABLE. */
export async function sourceAccess(
  host: string,
  { credentials, ca, clientCertificate, plainHttp }: Pick<ImageSource, 'credentials' | 'ca' | 'clientCertificate' | 'plainHttp'>,
  options: Options,
): Promise<RegistryAccess> {
  const machine = plainHttp ? {} : certificatesOfMachine(host);
  return {
    host,
    plainHttp,
    ...machine,
    ...(ca === undefined ? {} : joinCertificates(machine.ca, await certificatesFor(host, ca, options))),
    ...(clientCertificate === undefined ? {} : await clientCertificateFor(host, clientCertificate, options)),
    credentials:
      credentials === undefined ? userCredentials(host) : documentCredentials(credentials, host, { directory: options.folder }),
  };
}

/**
 * How a chart repository is reached: as the source whose `url` is a prefix of `url` at a path boundary says, the longest of them.
 * Credentials are those the source names and no others. Throws FILE_UNREADABLE.
 */
export async function chartSourceAccess(url: URL, sources: readonly ChartSource[], options: Options): Promise<RegistryAccess> {
  const folderOf = (text: string): string => (text.endsWith('/') ? text : `${text}/`);
  const matching = sources.filter((source) => folderOf(url.href).startsWith(folderOf(new URL(source.url).href)));
  const source = matching.sort((a, b) => b.url.length - a.url.length)[0];
  if (source?.credentials !== undefined) return await sourceAccess(url.host, source, options);
  const { credentials: _, ...anonymous } = await sourceAccess(url.host, source ?? { plainHttp: false }, options);
  return anonymous;
}

function clientCertificateFor(
  host: string,
  { cert, key }: ClientCertificate,
  { folder, signal }: Options,
): Promise<ClientCertificate> {
  return readClientCertificate({ cert: resolve(folder, cert), key: resolve(folder, key) }, { what: `for ${host}`, signal });
}

function certificatesFor(host: string, file: string, { folder, signal }: Options): Promise<string> {
  const hint = 'name a PEM file; paths are relative to the spec';
  return readCertificates(resolve(folder, file), { what: `${file}, to trust for ${host}`, hint, signal });
}
