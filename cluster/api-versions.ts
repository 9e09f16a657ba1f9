import type { Cluster } from './client.ts';

interface Version {
  /** As helm takes it for `--kube-version`: `1.36.3`. */
  readonly version: string;
  /** `1.36`. */
  readonly minor: string;
}

/** Version of the API server, without the build's suffix. */
export async function readClusterVersion(cluster: Cluster, options: { readonly signal: AbortSignal }): Promise<Version> {
  const { gitVersion } = await cluster.request<{ gitVersion: string }>('GET', '/version', options);
  const [, version = '0.0.0', minor = '0.0'] = /^v?((\d+\.\d+)\.\d+)/.exec(gitVersion) ?? [];
  return { version, minor };
}

interface DiscoveredVersion {
  readonly version: string;
  readonly resources?: readonly { readonly responseKind?: { readonly kind?: string } }[];
}

interface Discovery {
  readonly items?: readonly { readonly metadata?: { readonly name?: string }; readonly versions: readonly DiscoveredVersion[] }[];
}

/** Aggregated discovery, GA since Kubernetes 1.30: everything in two requests. */
const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/**
 * What the cluster serves, in the words of helm's `--api-versions`: every `group/version` and every `group/version/Kind`, sorted.
 * Charts ask this (`.Capabilities.APIVersions`), so a render that is to prove something needs the same answer.
 */
export async function readApiVersions(
  cluster: Cluster,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const root of ['/api', '/apis']) {
    const { items = [] } = await cluster.request<Discovery>('GET', root, { accept: aggregated, signal });
    for (const { metadata, versions } of items) {
      for (const version of versions) for (const name of namesOf(metadata?.name, version)) found.add(name);
    }
  }
  return [...found].sort();
}

function namesOf(group: string | undefined, { version, resources = [] }: DiscoveredVersion): readonly string[] {
  const groupVersion = group ? `${group}/${version}` : version;
  const kinds = resources.map(({ responseKind }) => responseKind?.kind).filter((kind) => kind !== undefined);
  return [groupVersion, ...kinds.map((kind) => `${groupVersion}/${kind}`)];
}
