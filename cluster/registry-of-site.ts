import type { Site } from '../bundle-spec/site.ts';
import { findCredentials } from '../images/credentials.ts';
import type { RegistryAccess } from '../images/registry-access.ts';

/**
 * How the registry of a site is reached. Credentials are those that docker's config files have for exactly this host: in the Job,
 * `DOCKER_CONFIG` is the Secret that the site names. A CA must be inline (`siteForJob`).
 */
export function registryOfSite(site: Site): RegistryAccess {
  const { host, plainHttp, ca } = site.registry;
  return {
    host,
    plainHttp,
    ...(ca !== undefined && 'inline' in ca ? { ca: ca.inline } : {}),
    credentials: (options) => findCredentials(host, options),
  };
}
