import { getCACertificates } from 'node:tls';

/** All certificates (PEM) that are trusted: those of Node, of the system, and `ca`. Options of TLS replace the roots instead of adding to them. */
export function trustedRoots(ca: string | undefined): ReadonlySet<string> {
  return new Set([...getCACertificates('default'), ...getCACertificates('system'), ...(ca === undefined ? [] : [ca])]);
}
