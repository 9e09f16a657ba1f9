import { getCACertificates } from 'node:tls';

let roots: readonly string[] | undefined;

/** All certificates (PEM) that are trusted: those of Node, of the system, and `ca`. Options of TLS replace the roots instead of adding to them. */
export function trustedRoots(ca: string | undefined): readonly string[] {
  roots ??= distinct([...getCACertificates('default'), ...getCACertificates('system')]);
  return ca === undefined ? roots : [...roots, ca];
}

/** Node and the system have most of them in common, with lines of another length. Each one costs memory in every context. */
function distinct(certificates: readonly string[]): readonly string[] {
  return [...new Map(certificates.map((certificate) => [certificate.replaceAll('\n', ''), certificate])).values()];
}
