import pLimit from 'p-limit';
import type { Cluster } from './client.ts';
import type { Rights, RightsRule } from './rights.ts';

/** One thing that somebody may or may not do. `resource` may be `pods/log`; without `namespace`, at cluster scope. */
export interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly name?: string;
  readonly namespace?: string;
}

/** The rights that we lack, asked one by one (SelfSubjectAccessReview), in the order of the rules. Every user may ask this. */
export async function findMissingRights(
  cluster: Cluster,
  rights: Rights,
  options: { readonly signal: AbortSignal },
): Promise<readonly Right[]> {
  const wanted = [
    ...[...rights.namespaces].flatMap(([namespace, rules]) => rules.flatMap((rule) => expandRule(rule, namespace))),
    ...rights.cluster.flatMap((rule) => expandRule(rule, undefined)),
  ];
  const limit = pLimit(8);
  const allowed = await Promise.all(wanted.map((right) => limit(() => isAllowed(cluster, right, options))));
  return wanted.filter((_, index) => !allowed[index]);
}

/** `create, patch deployments.apps in namespace shop`: one line per resource, verbs together. */
export function describeRights(rights: readonly Right[]): readonly string[] {
  const lines = new Map<string, string[]>();
  for (const { verb, group, resource, name, namespace } of rights) {
    const where = namespace === undefined ? 'at cluster scope' : `in namespace ${namespace}`;
    const what = `${group === '' ? resource : `${resource}.${group}`}${name === undefined ? '' : ` "${name}"`} ${where}`;
    lines.set(what, [...(lines.get(what) ?? []), verb]);
  }
  return [...lines].map(([what, verbs]) => `${verbs.join(', ')} ${what}`);
}

function expandRule(rule: RightsRule, namespace: string | undefined): readonly Right[] {
  return rule.apiGroups.flatMap((group) =>
    rule.resources.flatMap((resource) =>
      rule.verbs.flatMap((verb) =>
        (rule.resourceNames ?? [undefined]).map((name) => ({
          verb,
          group,
          resource,
          ...(name === undefined ? {} : { name }),
          ...(namespace === undefined ? {} : { namespace }),
        })),
      ),
    ),
  );
}

async function isAllowed(cluster: Cluster, right: Right, options: { readonly signal: AbortSignal }): Promise<boolean> {
  const { verb, group, namespace, name } = right;
  const [resource = '', subresource] = right.resource.split('/');
  const attributes = { verb, group, resource, subresource, namespace, name };
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: attributes },
  };
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const review = await cluster.request<{ status?: { allowed?: boolean } }>('POST', path, { body, ...options });
  return review.status?.allowed === true;
}
