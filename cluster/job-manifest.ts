import { posix } from 'node:path';
import type { BundleLocation } from '../bundle-spec/site.ts';
import { accountName, type BundleName, bundleLabels, jobName, siteConfigMapName } from './object-names.ts';
import type { KubernetesObject } from './objects.ts';

export interface JobPlan {
  readonly bundle: BundleName;
  readonly namespace: string;
  /** Reference of the installer image. It is imported on the node or pulled; a present one is never pulled again. */
  readonly image: string;
  readonly location: BundleLocation;
  /** Secret of type dockerconfigjson with the right to push. It may be absent in the cluster: then the push is anonymous. */
  readonly credentialsSecret?: string;
  /** Secret of type kubernetes.io/tls with the certificate that the registry knows the Job by. */
  readonly clientCertificateSecret?: string;
}

const deadlineSeconds = 6 * 3_600;
const credentialsDirectory = '/etc/diolkos/registry';

/** Where the Job finds `tls.crt` and `tls.key` of `registry.clientCertificate`. */
export const clientCertificateDirectory = '/etc/diolkos/client-certificate';

/**
 * The Job. It fits the `restricted` Pod Security Standard unless the bundle comes from a hostPath. It is never retried by itself
 * (what failed would fail again); its own deadline comes before Kubernetes' so that the message is not lost.
 */
export function jobManifest(plan: JobPlan): KubernetesObject {
  const labels = bundleLabels(plan.bundle);
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: jobName(plan.bundle), namespace: plan.namespace, labels },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: deadlineSeconds,
      template: { metadata: { labels }, spec: podSpec(plan) },
    },
  };
}

function podSpec(plan: JobPlan): object {
  const place = bundlePlace(plan.location);
  const secrets = secretMounts(plan);
  return {
    restartPolicy: 'Never',
    serviceAccountName: accountName(plan.bundle),
    // Time for helm to stop and for the last word to be written.
    terminationGracePeriodSeconds: 60,
    securityContext: { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    ...(place.nodeSelector === undefined ? {} : { nodeSelector: place.nodeSelector }),
    containers: [installer(plan, place, secrets)],
    volumes: [
      ...place.mounts.map(({ name, volume }) => ({ name, ...volume })),
      { name: 'site', configMap: { name: siteConfigMapName(plan.bundle) } },
      ...secrets.map(({ name, volume }) => ({ name, ...volume })),
      { name: 'tmp', emptyDir: {} },
    ],
  };
}

interface Mount {
  readonly name: string;
  readonly mountPath: string;
  readonly volume: object;
}

function secretMounts({ credentialsSecret, clientCertificateSecret }: JobPlan): Mount[] {
  const config = [{ key: '.dockerconfigjson', path: 'config.json' }];
  const pair = ['tls.crt', 'tls.key'].map((key) => ({ key, path: key }));
  return [
    ...secretMount('registry-credentials', credentialsSecret, credentialsDirectory, config),
    ...secretMount('client-certificate', clientCertificateSecret, clientCertificateDirectory, pair),
  ];
}

// A Secret that is not there is told by the Job itself, better than by a pod that never starts.
function secretMount(name: string, secretName: string | undefined, mountPath: string, items: readonly object[]): Mount[] {
  return secretName === undefined ? [] : [{ name, mountPath, volume: { secret: { secretName, optional: true, items } } }];
}

function installer(plan: JobPlan, { file, directories, mounts }: BundlePlace, secrets: readonly Mount[]): object {
  const volumes = directories.flatMap((directory) => ['--volumes', directory]);
  return {
    name: 'installer',
    image: plan.image,
    imagePullPolicy: 'IfNotPresent',
    command: ['/usr/local/bin/node', '/app/dist/job.js'],
    args: ['--bundle', file, ...volumes, '--site', '/etc/diolkos/site/site.yaml', '--deadline', `${deadlineSeconds - 120}`],
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      ...(plan.credentialsSecret === undefined ? [] : [{ name: 'DOCKER_CONFIG', value: credentialsDirectory }]),
      { name: 'HOME', value: '/tmp' },
    ],
    terminationMessagePolicy: 'FallbackToLogsOnError',
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } },
    volumeMounts: [
      ...mounts.map(({ name, mountPath }) => ({ name, mountPath, readOnly: true })),
      { name: 'site', mountPath: '/etc/diolkos/site', readOnly: true },
      ...secrets.map(({ name, mountPath }) => ({ name, mountPath, readOnly: true })),
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
}

/** Where the pod finds the bundle. */
interface BundlePlace {
  readonly mounts: readonly Mount[];
  readonly file: string;
  /** Further directories with volumes of it. */
  readonly directories: readonly string[];
  readonly nodeSelector?: Readonly<Record<string, string>>;
}

function bundlePlace(location: BundleLocation): BundlePlace {
  if ('persistentVolumeClaim' in location) {
    const { name, path, volumes = [] } = location.persistentVolumeClaim;
    const inClaim = (inside: string) => posix.join('/bundle', posix.join('/', inside));
    const volume = { persistentVolumeClaim: { claimName: name, readOnly: true } };
    return {
      mounts: [{ name: 'bundle', mountPath: '/bundle', volume }],
      file: inClaim(path),
      directories: volumes.map(inClaim),
    };
  }
  const { path, node, volumes = [] } = location.hostPath;
  // The directory, not the file: a file that is replaced on the node would stay the old one in a mount of its own.
  const mounted = [posix.dirname(path), ...volumes].map((directory, index) => {
    const name = index === 0 ? 'bundle' : `volumes-${index}`;
    return { name, mountPath: `/${name}`, volume: { hostPath: { path: directory, type: 'Directory' } } };
  });
  return {
    mounts: mounted,
    file: posix.join('/bundle', posix.basename(path)),
    directories: mounted.slice(1).map(({ mountPath }) => mountPath),
    ...(node === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': node } }),
  };
}
