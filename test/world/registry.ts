/** The two registries: distribution v3 with TLS and credentials, one behind the gap and one in front of it. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../registries/free-port.ts';
import { nodeAddress, registryInsideHost, registryName } from './addresses.ts';
import { createAuthority, issueCertificate } from './certificates.ts';
import type { RegistryAccess } from './state.ts';

interface Credentials {
  readonly username: string;
  readonly password: string;
  /** The bcrypt hash of the password, which is all that distribution takes. */
  readonly hash: string;
}

const insideCredentials: Credentials = {
  username: 'porter',
  password: 'carry-it-over',
  hash: '$2b$05$abcdefghijklmnopqrstuuXP6P0FxXCQVN6WEInGjquRGvyjFM7GK',
};

const outsideCredentials: Credentials = {
  username: 'vendor',
  password: 'from-the-vendor',
  hash: '$2b$05$kKlLmMnNoOpPqQrRsStTuuOjnWnVHQniUOQGOqUcjVgjDMVueqsTa',
};

export interface PreparedRegistry {
  readonly access: RegistryAccess;
  readonly configFile: string;
}

/** Lays out the registry behind the gap; nodes and pods reach it as registry.gap.test:5000. */
export async function prepareInsideRegistry(folder: string, logDir: string): Promise<PreparedRegistry> {
  const names = [`DNS:${registryName}`, `IP:${nodeAddress}`];
  return await prepare('registry-inside', insideCredentials, {
    folder,
    logDir,
    names,
    host: registryInsideHost,
    address: nodeAddress,
  });
}

/** Lays out the registry of the connected side, on the host's loopback: a network namespace cannot see that. */
export async function prepareOutsideRegistry(folder: string, logDir: string): Promise<PreparedRegistry> {
  const host = `127.0.0.1:${await freePort()}`;
  const names = ['IP:127.0.0.1', 'DNS:localhost'];
  return await prepare('registry-outside', outsideCredentials, { folder, logDir, names, host, address: '127.0.0.1' });
}

interface Placement {
  readonly folder: string;
  readonly logDir: string;
  readonly names: readonly string[];
  readonly host: string;
  readonly address: string;
}

async function prepare(name: string, credentials: Credentials, placement: Placement): Promise<PreparedRegistry> {
  const root = join(placement.folder, name);
  const [certDir, dataDir, dockerConfigDir] = [join(root, 'ca'), join(root, 'data'), join(root, 'docker')];
  for (const folder of [certDir, dataDir, dockerConfigDir]) await mkdir(folder, { recursive: true });
  const authority = await createAuthority(certDir, name);
  const { certFile, keyFile } = await issueCertificate(authority, join(root, 'server'), placement.names);
  const { username, password, hash } = credentials;
  await writeFile(join(root, 'htpasswd'), `${username}:${hash}\n`);
  const { host } = placement;
  await writeFile(join(dockerConfigDir, 'config.json'), dockerConfig(host, credentials));
  const configFile = join(root, 'config.json');
  const config = {
    version: 0.1,
    log: { level: 'info', formatter: 'text' },
    storage: { filesystem: { rootdirectory: dataDir }, delete: { enabled: true } },
    auth: { htpasswd: { realm: name, path: join(root, 'htpasswd') } },
    http: {
      addr: `${placement.address}:${host.split(':')[1]}`,
      tls: { certificate: certFile, key: keyFile },
    },
  };
  await writeFile(configFile, JSON.stringify(config)); // JSON is YAML
  const logFile = join(placement.logDir, `${name}.log`);
  const { caFile } = authority;
  return { configFile, access: { host, caFile, certDir, username, password, dockerConfigDir, logFile, dataDir } };
}

/** A `config.json` with the credentials of one registry, as docker, crane and helm read it, and pull secrets hold it. */
export function dockerConfig(host: string, credentials: { username: string; password: string }): string {
  const auth = Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64');
  return JSON.stringify({ auths: { [host]: { auth } } });
}
