import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../build/command.ts';

/** Where an authority's files lie. `ca.crt` has no key beside it: skopeo takes one there for a client's. */
export interface Authority {
  readonly caFile: string;
  readonly keyFile: string;
}

export interface ServerCertificate {
  readonly certFile: string;
  readonly keyFile: string;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const days = ['-days', '30'];

/** Makes a certificate authority: `<folder>/ca.crt`, and its key outside of the folder as `<folder>.key`. */
export async function createAuthority(folder: string, name: string): Promise<Authority> {
  const authority = { caFile: join(folder, 'ca.crt'), keyFile: `${folder}.key` };
  const subject = ['-subj', `/CN=${name}`, '-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  await run(['openssl', 'req', '-x509', ...newKey, ...days, ...subject, '-keyout', authority.keyFile, '-out', authority.caFile]);
  return authority;
}

/** Issues a server certificate for names like `DNS:registry.gap.test` and `IP:10.96.0.1` as `<path>.crt` and `<path>.key`. */
export async function issueCertificate(authority: Authority, path: string, names: readonly string[]): Promise<ServerCertificate> {
  const certificate = { certFile: `${path}.crt`, keyFile: `${path}.key` };
  await run(['openssl', 'req', ...newKey, '-subj', '/CN=world', '-keyout', certificate.keyFile, '-out', `${path}.csr`]);
  await writeFile(`${path}.ext`, `subjectAltName=${names.join(',')}\nextendedKeyUsage=serverAuth\n`);
  const signer = ['-CA', authority.caFile, '-CAkey', authority.keyFile, '-set_serial', `0x${randomBytes(8).toString('hex')}`];
  const request = ['-in', `${path}.csr`, '-extfile', `${path}.ext`, '-out', certificate.certFile];
  await run(['openssl', 'x509', '-req', ...days, ...signer, ...request]);
  return certificate;
}
