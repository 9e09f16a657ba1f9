import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { CredentialsReference } from '../../bundle-spec/bundle.ts';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { askHelper } from './credential-helper.ts';
import { type AskHelper, credentialsIn, parseCredentialsConfig } from './credentials-file.ts';
import type { Credentials, CredentialsRequest, RegistryAccess } from './registry-access.ts';

type Environment = Readonly<Record<string, string | undefined>>;

interface LookupOptions {
  /** Default: that of the process. */
  readonly env?: Environment;
  /** Path below the host: config files may hold other credentials for parts of it. */
  readonly repository?: string;
  readonly signal: AbortSignal;
}

type Lookup = NonNullable<RegistryAccess['credentials']>;

/**
 * What the user's own config files know about exactly `host`: those of docker (`DOCKER_CONFIG`, `~/.docker/config.json`, also as
 * Kubernetes mounts a Secret) and of podman, buildah and skopeo (`REGISTRY_AUTH_FILE`, `$XDG_RUNTIME_DIR/containers/auth.json`,
 * `~/.config/containers/auth.json`), their credential helpers included. The first that knows is believed. Throws CREDENTIALS_INVALID
 * for a file or helper that is broken.
 */
export function findCredentials(
  host: string,
  { env = process.env, ...request }: LookupOptions,
): Promise<Credentials | undefined> {
  return userCredentials(host, env)(request);
}

/** `findCredentials` for many requests: each helper is run once, and the same credentials are the same object. */
export function userCredentials(host: string, env: Environment = process.env): Lookup {
  return remembering(async (request) => {
    for (const file of credentialFiles(env)) {
      const text = await readFile(file, 'utf8').catch(() => undefined);
      const found = text?.trim()
        ? await credentialsIn(parseCredentialsConfig(text, file), host, { from: file, ...request })
        : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  });
}

/** The credentials a document refers to, as `referencedCredentials` gives them, for many requests. */
export function documentCredentials(
  reference: CredentialsReference,
  host: string,
  options: { readonly directory: string },
): Lookup {
  return remembering((request) => referencedCredentials(reference, host, { ...options, ...request }));
}

/**
 * The credentials a document refers to: two environment variables, or a docker config file or the folder of a mounted Secret (its path
 * relative to `directory`). Throws CREDENTIALS_INVALID when a variable is not set, the file cannot be read or does not know `host`.
 */
export async function referencedCredentials(
  reference: CredentialsReference,
  host: string,
  { directory, env = process.env, ...request }: LookupOptions & { readonly directory: string; readonly ask?: AskHelper },
): Promise<Credentials> {
  if ('env' in reference) {
    const { username, password } = reference.env;
    return {
      from: `$${username} and $${password}`,
      username: variable(username, host, env),
      password: variable(password, host, env),
    };
  }
  const named = resolve(directory, reference.dockerConfig);
  const file = await configFile(named);
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw new BundleError('CREDENTIALS_INVALID', `the credentials file ${named} for ${host} cannot be read`, { cause });
  });
  const found = await credentialsIn(parseCredentialsConfig(text, file), host, { from: file, ...request });
  if (found === undefined) throw new BundleError('CREDENTIALS_INVALID', `${file} holds no credentials for ${host}`);
  return found;
}

/** What docker calls its file, and the keys of Secrets of type `kubernetes.io/dockerconfigjson` and `dockercfg`, mounted as files. */
const configNames = ['config.json', '.dockerconfigjson', '.dockercfg'];

async function configFile(path: string): Promise<string> {
  const names = await readdir(path).catch(() => undefined);
  if (names === undefined) return path;
  const name = configNames.find((candidate) => names.includes(candidate));
  return name === undefined ? path : join(path, name);
}

/** Helpers are slow, and their answers do not change within a run. */
function remembering(
  look: (request: CredentialsRequest & { readonly ask: AskHelper }) => Promise<Credentials | undefined>,
): Lookup {
  const answers = new Map<string, Promise<Credentials | undefined>>();
  const known = new Map<string, Credentials>();
  const ask: AskHelper = (helper, server, options) => {
    const key = `${helper} ${server}`;
    const answer = answers.get(key) ?? askHelper(helper, server, options);
    answers.set(key, answer);
    answer.catch(() => answers.delete(key));
    return answer;
  };
  return async (request) => {
    const found = await look({ ...request, ask });
    if (found === undefined) return undefined;
    const key = JSON.stringify(found);
    known.set(key, known.get(key) ?? found);
    return known.get(key);
  };
}

function credentialFiles(env: Environment): string[] {
  const home = env.HOME || homedir();
  const docker = env.DOCKER_CONFIG || join(home, '.docker');
  const containers = [env.XDG_RUNTIME_DIR, env.XDG_CONFIG_HOME || join(home, '.config')];
  return [
    ...(env.REGISTRY_AUTH_FILE ? [env.REGISTRY_AUTH_FILE] : []),
    ...configNames.map((name) => join(docker, name)),
    ...containers.flatMap((folder) => (folder ? [join(folder, 'containers', 'auth.json')] : [])),
    join(home, '.dockercfg'),
  ];
}

function variable(name: string, host: string, env: Environment): string {
  const value = env[name];
  if (value) return value;
  throw new BundleError(
    'CREDENTIALS_INVALID',
    `the environment variable ${name}, which holds credentials for ${host}, is not set`,
  );
}
