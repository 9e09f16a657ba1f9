import type { CarriedRelease } from '../bundle-spec/bundle-json.ts';
import type { CarriedValuesLayer } from '../bundle-spec/values-layer.ts';
import type { ValuesText } from '../helm/render.ts';
import type { Cluster } from './client.ts';
import type { ConfigMap, Secret } from './objects.ts';
import type { Problem } from './preflight.ts';

/** The values of a release as texts, those of the cluster's Secrets and ConfigMaps read. */
export interface ReleaseValues {
  readonly values: readonly ValuesText[];
  /** Texts that came from Secrets: what must not be repeated in a report. */
  readonly secrets: readonly string[];
  /** Secrets, ConfigMaps or keys that are needed and absent. */
  readonly problems: readonly Problem[];
}

/** Reads the layers in order. Absent optional layers are left out. Throws RIGHTS_MISSING, CLUSTER_UNREACHABLE. */
export async function readReleaseValues(
  cluster: Cluster,
  release: Pick<CarriedRelease, 'name' | 'namespace'>,
  layers: readonly CarriedValuesLayer[],
  options: { readonly signal: AbortSignal },
): Promise<ReleaseValues> {
  const values: ValuesText[] = [];
  const secrets: string[] = [];
  const problems: Problem[] = [];
  for (const layer of layers) {
    if ('text' in layer) {
      values.push(layer);
      continue;
    }
    const kind = 'secret' in layer ? 'Secret' : 'ConfigMap';
    const { name, key, optional } = 'secret' in layer ? layer.secret : layer.configMap;
    const text = await readKey(cluster, { kind, namespace: release.namespace.name, name, key }, options);
    const label = `${kind} ${release.namespace.name}/${name}, key ${key}`;
    if (text !== undefined) values.push({ name: label, text });
    else if (!optional) problems.push(absent(release.name, label, `${release.namespace.name} ${kind.toLowerCase()} ${name}`));
    if (text !== undefined && kind === 'Secret') secrets.push(text);
  }
  return { values, secrets, problems };
}

function absent(release: string, label: string, object: string): Problem {
  return {
    code: 'PREFLIGHT_FAILED',
    message: `the values of release ${release} need ${label}, which is not there`,
    fix: `create it (kubectl -n ${object.replace(/ (\S+) (\S+)$/, ' create $1 … $2')}), then run the Job again`,
    where: label,
  };
}

async function readKey(
  cluster: Cluster,
  {
    kind,
    namespace,
    name,
    key,
  }: { readonly kind: string; readonly namespace: string; readonly name: string; readonly key: string },
  options: { readonly signal: AbortSignal },
): Promise<string | undefined> {
  const found = await cluster.get<ConfigMap & Secret>({ apiVersion: 'v1', kind, namespace }, name, options);
  const value = found?.data?.[key];
  if (value === undefined) return undefined;
  return kind === 'Secret' ? Buffer.from(value, 'base64').toString('utf8') : value;
}
