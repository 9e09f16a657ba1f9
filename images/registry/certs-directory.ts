import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { holdsCertificates } from './certificates.ts';
import { checkPair } from './client-certificate.ts';
import type { RegistryAccess } from './registry-access.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What the machine's own `certs.d/<host[:port]>/` says of a registry (containers-certs.d(5), docker's "certificates"): every `*.crt` is
 * trusted, `x.cert` with `x.key` is shown to it. The first folder that exists is taken, the user's before the system's. It says whom to
 * trust, never where bytes come from. Read at once, so that a registry can be opened without waiting. Throws FILE_UNREADABLE for a
 * file that is there and cannot be used.
 */
export function certificatesOfMachine(host: string, env: Environment = process.env): Pick<RegistryAccess, 'ca' | 'cert' | 'key'> {
  for (const parent of certsDirectories(env)) {
    const folder = join(parent, host);
    const names = namesIn(folder);
    if (names !== undefined) return readFolder(folder, names);
  }
  return {};
}

/** The PEM texts of several sources as one. */
export function joinCertificates(...texts: readonly (string | undefined)[]): { readonly ca?: string } {
  const given = texts.filter((text) => text !== undefined);
  return given.length === 0 ? {} : { ca: given.join('\n') };
}

function certsDirectories(env: Environment): string[] {
  const config = env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config');
  const users = ['containers', 'docker'].map((tool) => join(config, tool, 'certs.d'));
  return [...users, '/etc/containers/certs.d', '/etc/docker/certs.d'];
}

function namesIn(folder: string): string[] | undefined {
  try {
    return readdirSync(folder).sort();
  } catch {
    return undefined; // not there, or not for us
  }
}

function readFolder(folder: string, names: readonly string[]): Pick<RegistryAccess, 'ca' | 'cert' | 'key'> {
  const authorities = names.filter((name) => name.endsWith('.crt')).map((name) => readAuthority(join(folder, name)));
  const name = names.find((candidate) => candidate.endsWith('.cert'));
  if (name === undefined) return joinCertificates(...authorities);
  const pair = { cert: readText(join(folder, name)), key: readText(join(folder, name.replace(/cert$/, 'key'))) };
  checkPair(pair, `${join(folder, name)} with its key`);
  return { ...joinCertificates(...authorities), ...pair };
}

function readAuthority(file: string): string {
  const text = readText(file);
  if (holdsCertificates(text)) return text;
  throw new BundleError('FILE_UNREADABLE', `${file} holds no PEM certificate that can be read`, { hint: 'repair or remove it' });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new BundleError('FILE_UNREADABLE', `${file}, a certificate of this machine, cannot be read`, { cause });
  }
}
