import { type BundleName, bundleLabels, volumeName } from './object-names.ts';
import type { KubernetesObject } from './objects.ts';

/** Directory on the node where `install/` looks for the tar. */
export const bundleDirectory = '/var/lib/diolkos';

/** Label of the node that has the tar. Its value is of no matter, so that nothing in the manifests has to be edited. */
export const bundleNodeLabel = 'diolkos.dev/bundles';

/**
 * A local PersistentVolume on the node that carries the label, and the claim bound to it: `restricted` Pod Security forbids a
 * hostPath in a pod, but not a claim. The scheduler then puts the Job onto that node by itself.
 */
export function volumeManifests(bundle: BundleName, jobNamespace: string): readonly KubernetesObject[] {
  const name = volumeName(bundle);
  const labels = bundleLabels(bundle);
  // Kubernetes wants a size and enforces none on a local volume.
  const storage = '1Gi';
  const accessModes = ['ReadOnlyMany'];
  return [
    {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name, labels },
      spec: {
        capacity: { storage },
        accessModes,
        persistentVolumeReclaimPolicy: 'Retain',
        storageClassName: '',
        claimRef: { namespace: jobNamespace, name },
        local: { path: bundleDirectory },
        nodeAffinity: {
          required: { nodeSelectorTerms: [{ matchExpressions: [{ key: bundleNodeLabel, operator: 'Exists' }] }] },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, namespace: jobNamespace, labels },
      spec: { accessModes, storageClassName: '', volumeName: name, resources: { requests: { storage } } },
    },
  ];
}
