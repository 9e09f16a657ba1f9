import type { CarriedRelease, RenderedKind } from '../bundle-spec/bundle-json.ts';
import { resourceOf } from './resources.ts';

/** One rule of a Role: every verb on every resource of it. */
export interface RightsRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  /** Names that the rule is limited to; absent for all. */
  readonly resourceNames?: readonly string[];
}

/** Rights by namespace, and those that only a ClusterRole can give: `cluster` is empty where the charts render nothing cluster-scoped. */
export interface Rights {
  readonly namespaces: ReadonlyMap<string, readonly RightsRule[]>;
  readonly cluster: readonly RightsRule[];
}

/** What helm does to an object of a release: looks, creates, patches, waits, deletes what the new version no longer has. */
const install: readonly string[] = ['get', 'list', 'watch', 'create', 'patch', 'delete'];
const observe: readonly string[] = ['get', 'list', 'watch'];

/** Read in every release's namespace: what `helm --wait` looks through to a workload's pods, and what we keep as evidence. */
const observed: readonly RenderedKind[] = [
  { apiVersion: 'v1', kind: 'Pod' },
  { apiVersion: 'v1', kind: 'Event' },
  { apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
  { apiVersion: 'apps/v1', kind: 'Deployment' },
  { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
  { apiVersion: 'apps/v1', kind: 'StatefulSet' },
  { apiVersion: 'apps/v1', kind: 'DaemonSet' },
  { apiVersion: 'batch/v1', kind: 'Job' },
];

/**
 * The least rights that install the releases: computed from the kinds they render, without wildcards. Namespaced kinds make rules
 * of the namespace they are rendered to, cluster-scoped kinds make `cluster`. `jobNamespace` gets what the Job keeps there.
 *
 * A chart that brings RBAC objects gets `escalate` on Roles and `bind` on what its bindings may name: Kubernetes refuses to create
 * a Role with more rights than its author has, and those are not in `kinds`.
 */
export function installRights(
  releases: readonly Pick<CarriedRelease, 'namespace' | 'kinds'>[],
  bundle: string,
  jobNamespace: string,
): Rights {
  const cluster = new RuleBook();
  const namespaces = new Map<string, RuleBook>();
  const bookOf = (namespace: string): RuleBook => {
    const book = namespaces.get(namespace) ?? new RuleBook();
    namespaces.set(namespace, book);
    return book;
  };
  for (const release of releases) {
    allowReleaseNamespace(bookOf(release.namespace.name));
    for (const kind of release.kinds) {
      const { namespaced } = resourceOf(kind.apiVersion, kind.kind);
      allowKind(namespaced ? bookOf(kind.namespace ?? release.namespace.name) : cluster, kind);
    }
  }
  const rules = new Map([...namespaces].map(([namespace, book]) => [namespace, book.rules()]));
  rules.set(jobNamespace, [...(rules.get(jobNamespace) ?? []), ...jobRules(bundle)]);
  return { namespaces: rules, cluster: cluster.rules() };
}

/** True when some release renders Roles or bindings, so that the rights hold `escalate` or `bind`. */
export function rendersRbac(releases: readonly Pick<CarriedRelease, 'kinds'>[]): boolean {
  return releases.some(({ kinds }) => kinds.some(({ apiVersion }) => apiVersion.startsWith('rbac.authorization.k8s.io/')));
}

function allowReleaseNamespace(book: RuleBook): void {
  // Helm keeps each revision of a release in a Secret, and values may come from Secrets and ConfigMaps.
  book.allow('', 'secrets', ['get', 'list', 'create', 'update', 'patch', 'delete']);
  book.allow('', 'configmaps', ['get']);
  // Asked as "get namespace x", which a Role in x can allow.
  book.allow('', 'namespaces', ['get']);
  book.allow('', 'pods/log', ['get']);
  for (const { apiVersion, kind } of observed) {
    const { group, plural } = resourceOf(apiVersion, kind);
    book.allow(group, plural, observe);
  }
}

function allowKind(book: RuleBook, { apiVersion, kind }: RenderedKind): void {
  const { group, plural } = resourceOf(apiVersion, kind);
  book.allow(group, plural, install);
  if (group !== 'rbac.authorization.k8s.io') return;
  if (kind === 'Role' || kind === 'ClusterRole') book.allow(group, plural, ['escalate']);
  if (kind === 'RoleBinding') for (const bound of ['roles', 'clusterroles']) book.allow(group, bound, ['bind']);
  if (kind === 'ClusterRoleBinding') book.allow(group, 'clusterroles', ['bind']);
}

/** What the Job does in its own namespace: report and record, the Lease, whether the holder of a Lease is still there. */
function jobRules(bundle: string): readonly RightsRule[] {
  const configMaps = [`diolkos-report-${bundle}`, `diolkos-record-${bundle}`];
  return [
    { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
    { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'patch'], resourceNames: configMaps },
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'update', 'patch'], resourceNames: ['diolkos'] },
    { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
  ];
}

const verbOrder: readonly string[] = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'bind', 'escalate'];

/** Collects verbs by resource; resources of one group with the same verbs become one rule. */
class RuleBook {
  readonly #verbs = new Map<string, Set<string>>();

  allow(group: string, resource: string, verbs: readonly string[]): void {
    const key = `${group}/${resource}`;
    this.#verbs.set(key, new Set([...(this.#verbs.get(key) ?? []), ...verbs]));
  }

  rules(): readonly RightsRule[] {
    const grouped = new Map<string, { group: string; resources: string[]; verbs: readonly string[] }>();
    for (const [key, given] of [...this.#verbs].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const slash = key.indexOf('/');
      const group = key.slice(0, slash);
      const verbs = verbOrder.filter((verb) => given.has(verb));
      const rule = grouped.get(`${group} ${verbs}`) ?? { group, resources: [], verbs };
      rule.resources.push(key.slice(slash + 1));
      grouped.set(`${group} ${verbs}`, rule);
    }
    return [...grouped.values()].map(({ group, resources, verbs }) => ({ apiGroups: [group], resources, verbs }));
  }
}
