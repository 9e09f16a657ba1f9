import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { CredentialsReference } from '../bundle-spec/bundle.ts';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { credentialsIn, parseCredentialsConfig } from './credentials-file.ts';
import type { Credentials } from './registry-access.ts';

type Environment = Readonly<Record<string, string | undefined>>;

interface LookupOptions {
  /** Default: that of the process. */
  readonly env?: Environment;
  readonly signal: AbortSignal;
}

/**
 * What the user's own config files know about exactly `host`: those of docker (`DOCKER_CONFIG`, `~/.docker/config.json`) and of podman,
 * buildah and skopeo (`REGISTRY_AUTH_FILE`, `$XDG_RUNTIME_DIR/containers/auth.json`, `~/.config/containers/auth.json`), their
 * credential helpers included. The first that knows is believed. Throws CREDENTIALS_INVALID for a file or helper that is broken.
 */
export async function findCredentials(
  host: string,
  { env = process.env, signal }: LookupOptions,
): Promise<Credentials | undefined> {
  for (const file of credentialFiles(env)) {
    const text = await readFile(file, 'utf8').catch(() => undefined);
    const found = text?.trim()
      ? await credentialsIn(parseCredentialsConfig(text, file), host, { from: file, signal })
      : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * The credentials a document refers to: two environment variables, or a docker config file (its path relative to `directory`). Throws
 * CREDENTIALS_INVALID when a variable is not set, the file cannot be read or does not know `host`.
 */
export async function referencedCredentials(
  reference: CredentialsReference,
  host: string,
  { directory, env = process.env, signal }: LookupOptions & { readonly directory: string },
): Promise<Credentials> {
  if ('env' in reference) {
    const { username, password } = reference.env;
    return {
      from: `$${username} and $${password}`,
      username: variable(username, host, env),
      password: variable(password, host, env),
    };
  }
  const file = resolve(directory, reference.dockerConfig);
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw new BundleError('CREDENTIALS_INVALID', `the credentials file ${file} for ${host} cannot be read`, { cause });
  });
  const found = await credentialsIn(parseCredentialsConfig(text, file), host, { from: file, signal });
  if (found === undefined) throw new BundleError('CREDENTIALS_INVALID', `${file} holds no credentials for ${host}`);
  return found;
}

function credentialFiles(env: Environment): string[] {
  const home = env.HOME || homedir();
  const containers = [env.XDG_RUNTIME_DIR, env.XDG_CONFIG_HOME || join(home, '.config')];
  return [
    ...(env.REGISTRY_AUTH_FILE ? [env.REGISTRY_AUTH_FILE] : []),
    join(env.DOCKER_CONFIG || join(home, '.docker'), 'config.json'),
    ...containers.flatMap((folder) => (folder ? [join(folder, 'containers', 'auth.json')] : [])),
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
