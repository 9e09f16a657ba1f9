import { z } from 'zod';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { askHelper } from './credential-helper.ts';
import type { Credentials } from './registry-access.ts';

const Entry = z.object({
  auth: z.string().nullish(),
  username: z.string().nullish(),
  password: z.string().nullish(),
  identitytoken: z.string().nullish(),
  registrytoken: z.string().nullish(),
});
type Entry = z.infer<typeof Entry>;

const ConfigJson = z.object({
  auths: z.record(z.string(), Entry.nullish()).nullish(),
  credsStore: z.string().nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
});

/** Docker's `config.json`, the containers tools' `auth.json`, or the payload of a `kubernetes.io/dockerconfigjson` Secret. */
export type CredentialsConfig = z.infer<typeof ConfigJson>;

/**
 * Reads the text of a credentials file: docker's and podman's, the old `.dockercfg` (hosts at the top), or a Secret as `kubectl get -o
 * json` prints it. Throws CREDENTIALS_INVALID that names `from` and never quotes the text.
 */
export function parseCredentialsConfig(text: string, from: string): CredentialsConfig {
  try {
    return ConfigJson.parse(unwrap(JSON.parse(text)));
  } catch {
    // The parser's own error quotes what it read. It must not come along as a cause either.
    throw new BundleError('CREDENTIALS_INVALID', `${from} is no docker config: it has to be {"auths": {"<host>": {"auth": …}}}`);
  }
}

const Secret = z.object({ kind: z.literal('Secret'), data: z.record(z.string(), z.string()) });
const DockerCfg = z.record(z.string(), z.looseObject({ auth: z.string() }));

function unwrap(json: unknown): unknown {
  const data = Secret.safeParse(json).data?.data;
  const payload = data?.['.dockerconfigjson'] ?? data?.['.dockercfg'];
  if (data !== undefined) return unwrap(JSON.parse(Buffer.from(payload ?? '', 'base64').toString()));
  const auths = DockerCfg.safeParse(json).data;
  return auths === undefined || Object.keys(auths).length === 0 ? json : { auths };
}

export type AskHelper = typeof askHelper;

/** `repository`: the path below the host, for entries that are for a part of it. `ask`: instead of running the helper each time. */
export interface EntryRequest {
  readonly from: string;
  readonly repository?: string;
  readonly ask?: AskHelper;
  readonly signal: AbortSignal;
}

/**
 * The credentials for exactly `host`, port included: from its own helper, else from the entry for the longest part of the path
 * (`host/team/app`, `host/team`: containers-auth.json(5)), else from the store, else as they stand for the host. Throws
 * CREDENTIALS_INVALID when a helper fails or an entry cannot be read.
 */
export async function credentialsIn(
  config: CredentialsConfig,
  host: string,
  { repository = '', ask = askHelper, ...options }: EntryRequest,
): Promise<Credentials | undefined> {
  const helper = find(config.credHelpers, host);
  if (helper) return ask(helper, serverName(host), options);
  for (let path = repository; path !== ''; path = path.slice(0, Math.max(0, path.lastIndexOf('/')))) {
    const entry = config.auths?.[`${host}/${path}`];
    const found = entry ? credentialsOf(entry, `${host}/${path}`, options.from) : undefined;
    if (found !== undefined) return found;
  }
  const stored = config.credsStore ? await ask(config.credsStore, serverName(host), options) : undefined;
  const entry = find(config.auths, host);
  return stored ?? (entry ? credentialsOf(entry, host, options.from) : undefined);
}

/** The keys that docker and its kin have used for the Hub. */
const hubHosts = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

function find<T>(record: Readonly<Record<string, T>> | null | undefined, host: string): T | undefined {
  const wanted = hubHosts.includes(host) ? hubHosts : [host];
  return Object.entries(record ?? {}).find(([key]) => wanted.includes(hostOfKey(key)))?.[1];
}

// Keys were URLs once: `https://index.docker.io/v1/`. A key with another path is for a part of a registry, hence not for the host.
function hostOfKey(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/(v1|v2)?\/?$/, '');
}

function serverName(host: string): string {
  return hubHosts.includes(host) ? 'https://index.docker.io/v1/' : host;
}

function credentialsOf(entry: Entry, host: string, from: string): Credentials | undefined {
  if (entry.registrytoken) return { from, registryToken: entry.registrytoken };
  if (entry.identitytoken) return { from, identityToken: entry.identitytoken };
  if (entry.username && entry.password) return { from, username: entry.username, password: entry.password };
  if (!entry.auth) return undefined;
  // Some tools pad with NULs.
  const pair = Buffer.from(entry.auth, 'base64').toString().replace(/\0+$/, '');
  const colon = pair.indexOf(':');
  if (colon < 1)
    throw new BundleError('CREDENTIALS_INVALID', `the "auth" of ${host} in ${from} is not the base64 of user:password`);
  return { from, username: pair.slice(0, colon), password: pair.slice(colon + 1) };
}
