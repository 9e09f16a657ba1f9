/**
 * A kind of object as the API server's paths and rights name it: `apps/v1 Deployment` is the resource `deployments` of group
 * `apps`. `group` is empty for the core API.
 */
export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** Kubernetes' own kinds by group: kind to plural, cluster-scoped ones marked by a trailing `!`. CronJob and the like follow the rule. */
const ownKinds: Readonly<Record<string, string>> = {
  '': 'Binding ConfigMap Endpoints Event LimitRange Namespace! Node! PersistentVolume! PersistentVolumeClaim Pod PodTemplate ReplicationController ResourceQuota Secret Service ServiceAccount',
  apps: 'ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet',
  batch: 'CronJob Job',
  autoscaling: 'HorizontalPodAutoscaler',
  policy: 'PodDisruptionBudget',
  'networking.k8s.io': 'Ingress IngressClass! IPAddress! NetworkPolicy ServiceCIDR!',
  'rbac.authorization.k8s.io': 'ClusterRole! ClusterRoleBinding! Role RoleBinding',
  'storage.k8s.io': 'CSIDriver! CSINode! CSIStorageCapacity StorageClass! VolumeAttachment! VolumeAttributesClass!',
  'scheduling.k8s.io': 'PriorityClass!',
  'node.k8s.io': 'RuntimeClass!',
  'coordination.k8s.io': 'Lease LeaseCandidate',
  'discovery.k8s.io': 'EndpointSlice',
  'events.k8s.io': 'Event',
  'apiextensions.k8s.io': 'CustomResourceDefinition!',
  'apiregistration.k8s.io': 'APIService!',
  'admissionregistration.k8s.io':
    'MutatingAdmissionPolicy! MutatingAdmissionPolicyBinding! MutatingWebhookConfiguration! ValidatingAdmissionPolicy! ValidatingAdmissionPolicyBinding! ValidatingWebhookConfiguration!',
  'certificates.k8s.io': 'CertificateSigningRequest! ClusterTrustBundle!',
  'flowcontrol.apiserver.k8s.io': 'FlowSchema! PriorityLevelConfiguration!',
  'resource.k8s.io': 'DeviceClass! ResourceClaim ResourceClaimTemplate ResourceSlice!',
};

const irregularPlurals: Readonly<Record<string, string>> = { Endpoints: 'endpoints' };

const scopes = new Map<string, boolean>(
  Object.entries(ownKinds).flatMap(([group, kinds]) =>
    kinds.split(' ').map((word): [string, boolean] => [`${group}/${word.replace('!', '')}`, !word.endsWith('!')]),
  ),
);

/**
 * The resource of a kind. Kubernetes' own kinds come from a table. Others follow the rules that nearly all custom resources
 * follow: the plural that Kubernetes itself would guess, and cluster scope when the kind begins with `Cluster`; where a guess is
 * wrong, preflight names the right that is missing.
 */
export function resourceOf(apiVersion: string, kind: string): Resource {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  const version = apiVersion.slice(slash + 1);
  const namespaced = scopes.get(`${group}/${kind}`) ?? !kind.startsWith('Cluster');
  return { group, version, kind, plural: irregularPlurals[kind] ?? guessPlural(kind), namespaced };
}

/** Path of a collection under the API server, or of one object in it when `name` is given. */
export function resourcePath(resource: Resource, namespace: string | undefined, name?: string): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${namespace}` : '';
  return `${root}${scope}/${resource.plural}${name === undefined ? '' : `/${name}`}`;
}

/** The rule of apimachinery's UnsafeGuessKindToResource. */
function guessPlural(kind: string): string {
  const word = kind.toLowerCase();
  if (word.endsWith('s')) return `${word}es`;
  if (word.endsWith('y')) return `${word.slice(0, -1)}ies`;
  return `${word}s`;
}
