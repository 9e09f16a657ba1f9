import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { BundleJson } from '../bundle-spec/bundle-json.ts';
import type { BundleLocation, Site } from '../bundle-spec/site.ts';
import { jobManifest } from './job-manifest.ts';
import { namespaceManifests, pullSecretManifests } from './namespace-manifests.ts';
import { bundleLabels, siteConfigMapName } from './object-names.ts';
import type { KubernetesObject } from './objects.ts';
import { installRights } from './rights.ts';
import { rightsManifests } from './rights-manifests.ts';

/** What the manifests are made of: known before the tar is written, since `install/` is part of it. */
export type InstallableBundle = Pick<BundleJson, 'tool' | 'metadata' | 'releases' | 'installer' | 'signature'>;

/**
 * Everything to apply behind the gap for this site, in order: Namespaces, ServiceAccount and rights, pull secrets of the default
 * accounts, the site as a ConfigMap, the Job. `site` must have gone through `siteForJob`. The claim that `site.bundle` names must
 * exist. Throws SITE_INVALID when the site does not say where the bundle lies.
 */
export function installManifests(bundle: InstallableBundle, site: Site): readonly KubernetesObject[] {
  const { metadata, releases } = bundle;
  const { namespace } = site.job;
  const location = requireLocation(site);
  const credentialsSecret = site.registry.credentials?.secret;
  const clientCertificateSecret = site.registry.clientCertificate?.secret;
  return [
    ...namespaceManifests(metadata, releases, { namespace, podSecurity: podSecurityFor(location) }),
    ...rightsManifests(metadata, installRights(releases, metadata.name, namespace), namespace),
    ...(site.registry.pullSecret === undefined ? [] : pullSecretManifests(releases, site.registry.pullSecret)),
    siteConfigMap(bundle, site),
    jobManifest({
      bundle: metadata,
      namespace,
      image: installerImage(bundle),
      location,
      ...(credentialsSecret === undefined ? {} : { credentialsSecret }),
      ...(clientCertificateSecret === undefined ? {} : { clientCertificateSecret }),
    }),
  ];
}

/** The installer image of a bundle, or the published one of the tool's version where the bundle was built with `installer: none`. */
export function installerImage({ installer, tool }: Pick<InstallableBundle, 'installer' | 'tool'>): string {
  return installer ?? publishedInstaller(tool);
}

/** Reference of the installer image that is published with a version of diolkos. */
export function publishedInstaller(version: string): string {
  return `docker.io/diolkos/diolkos:${version}`;
}

function podSecurityFor(location: BundleLocation): 'restricted' | 'privileged' {
  return 'hostPath' in location ? 'privileged' : 'restricted';
}

function requireLocation(site: Site): BundleLocation {
  if (site.bundle !== undefined) return site.bundle;
  throw new BundleError('SITE_INVALID', 'the site does not say where the bundle lies for the Job', {
    hint: 'add "bundle: { persistentVolumeClaim: { name: …, path: shop.tar } }" to site.yaml, or apply the bundle\'s own install/ folder',
  });
}

function siteConfigMap({ metadata }: InstallableBundle, site: Site): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: siteConfigMapName(metadata), namespace: site.job.namespace, labels: bundleLabels(metadata) },
    // JSON is YAML, and nothing in it can be read in two ways.
    data: { 'site.yaml': JSON.stringify(site, null, 2) },
  };
}
