import { type InstallableBundle, installerImage } from './install-manifests.ts';
import { installReadme } from './install-readme.ts';
import { jobManifest } from './job-manifest.ts';
import { manifestYaml } from './manifest-yaml.ts';
import { namespaceManifests, pullSecretManifests } from './namespace-manifests.ts';
import { bundleFileName, bundleLabels, siteConfigMapName, volumeName } from './object-names.ts';
import type { KubernetesObject } from './objects.ts';
import { installRights } from './rights.ts';
import { rightsManifests } from './rights-manifests.ts';
import { sampleNamespace, sampleSecret, sampleSite } from './sample-site.ts';
import { bundleDirectory, bundleNodeLabel, volumeManifests } from './volume-manifests.ts';

/** A file of `install/`; `name` is relative to it. */
export interface InstallFile {
  readonly name: string;
  readonly text: string;
}

/**
 * The files of `install/` but `installer.tar`: README, Namespaces, rights, a site to edit, pull secrets, volume and Job, numbered
 * in the order they are applied. `kubectl apply -f install/` reads only the `.yaml` ones. Same bundle, same bytes.
 */
export function installFolder(bundle: InstallableBundle): readonly InstallFile[] {
  const { metadata, releases } = bundle;
  const job = { namespace: sampleNamespace, podSecurity: 'restricted' } as const;
  const rights = installRights(releases, metadata.name, sampleNamespace);
  return [
    { name: 'README.md', text: installReadme(bundle) },
    yaml('10-namespaces.yaml', namespaceManifests(metadata, releases, job)),
    yaml('20-rights.yaml', rightsManifests(metadata, rights, sampleNamespace)),
    yaml(
      '30-site.yaml',
      [siteObject(bundle)],
      ['What is true only here: the registry, its credentials, values of your own. Edit it, then apply it.'],
    ),
    yaml('40-pull-secrets.yaml', pullSecretManifests(releases, sampleSecret)),
    yaml('50-volume.yaml', volumeManifests(metadata, sampleNamespace), [
      `The bundle on a node: ${bundleDirectory}/${bundleFileName(metadata)}.`,
      `Nothing to edit: kubectl label node NODE ${bundleNodeLabel}=`,
    ]),
    yaml('60-job.yaml', [
      jobManifest({
        bundle: metadata,
        namespace: sampleNamespace,
        image: installerImage(bundle),
        location: { persistentVolumeClaim: { name: volumeName(metadata), path: bundleFileName(metadata) } },
        credentialsSecret: sampleSecret,
      }),
    ]),
  ];
}

function yaml(name: string, objects: readonly KubernetesObject[], comment: readonly string[] = []): InstallFile {
  return { name, text: manifestYaml(objects, comment) };
}

function siteObject({ metadata, releases }: InstallableBundle): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: siteConfigMapName(metadata), namespace: sampleNamespace, labels: bundleLabels(metadata) },
    data: { 'site.yaml': sampleSite(releases) },
  };
}
