import { removedApis } from './kubernetes-apis/removed-apis.ts';
import { optionalApis, servedApis } from './kubernetes-apis/served-apis.ts';

/** How a Kubernetes minor stands to one of its own kinds. */
export type ApiState =
  | { readonly state: 'served' }
  /** The minor has it, but serves it only with `--runtime-config`. */
  | { readonly state: 'off' }
  /** `replacement`: the API version that this minor serves the kind in. */
  | { readonly state: 'removed'; readonly since: string; readonly replacement?: string }
  /** A later minor serves it. */
  | { readonly state: 'later'; readonly from: string }
  /** None of Kubernetes' own, as far as is known: a custom resource. */
  | { readonly state: 'custom' };

const newest = Math.max(...Object.values(servedApis).flatMap((kinds) => Object.values(kinds).map(([, last]) => last)));
/** The newest minor that the data knows: `1.36`. */
export const newestMinor = `1.${newest}`;

const oldest = Math.min(...Object.values(servedApis).flatMap((kinds) => Object.values(kinds).map(([first]) => first)));

/**
 * How Kubernetes `version` (`1.36` or `1.36.3`) stands to a kind. Minors newer than the data (helm/kubernetes-apis) count as its newest, older
 * ones as its oldest, except that what is to be removed by then is gone.
 */
export function apiState(version: string, apiVersion: string, kind: string): ApiState {
  const minor = minorOf(version);
  const served = servedApis[apiVersion]?.[kind];
  if (served !== undefined && isIn(served, minor)) return { state: 'served' };
  const removed = removedApis[apiVersion]?.[kind];
  if (removed !== undefined && removed.removed <= minor) return removal(removed.removed, apiVersion, kind, minor);
  if (removed !== undefined && minor < oldest) return { state: 'served' };
  const optional = optionalApis[apiVersion]?.[kind];
  if (optional !== undefined && isIn(optional, minor)) return { state: 'off' };
  const range = served ?? optional;
  if (range === undefined) return { state: 'custom' };
  if (minor < range[0]) return { state: 'later', from: `1.${range[0]}` };
  return removal(range[1] + 1, apiVersion, kind, minor);
}

/**
 * The API versions and kinds (`apps/v1`, `apps/v1/Deployment`) that a cluster of this version answers to `.Capabilities.APIVersions.Has`.
 * `helm template` knows versions alone, no kinds, and those of all ages: what it was compiled with stays, whatever `--api-versions` adds. So a
 * chart that asks for a kind is rendered as on the cluster, and one that asks whether an old version is there is told yes in a render, and no by
 * the cluster; findings about removed APIs say so.
 */
export function apisOf(version: string): readonly string[] {
  const minor = clamp(minorOf(version));
  const known = answers.get(minor);
  if (known !== undefined) return known;
  const apis = Object.entries(servedApis).flatMap(([apiVersion, kinds]) => {
    const names = Object.entries(kinds).flatMap(([kind, range]) => (isIn(range, minor) ? [`${apiVersion}/${kind}`] : []));
    return names.length === 0 ? [] : [apiVersion, ...names];
  });
  answers.set(minor, apis);
  return apis;
}

const answers = new Map<number, readonly string[]>();

function removal(since: number, apiVersion: string, kind: string, minor: number): ApiState {
  const replacement = replacementOf(apiVersion, kind, minor);
  return { state: 'removed', since: `1.${since}`, ...(replacement === undefined ? {} : { replacement }) };
}

/** The version that took over, or the one that took over from that, or any that has the kind. */
function replacementOf(apiVersion: string, kind: string, minor: number): string | undefined {
  let version = removedApis[apiVersion]?.[kind]?.replacement;
  for (let steps = 0; version !== undefined && steps < 5; steps += 1) {
    if (isIn(servedApis[version]?.[kind], minor)) return version;
    version = removedApis[version]?.[kind]?.replacement;
  }
  const [group] = apiVersion.split('/');
  return Object.keys(servedApis).find((name) => name.split('/')[0] === group && isIn(servedApis[name]?.[kind], minor));
}

function isIn(range: readonly [number, number] | undefined, minor: number): boolean {
  return range !== undefined && range[0] <= clamp(minor) && clamp(minor) <= range[1];
}

function clamp(minor: number): number {
  return Math.min(Math.max(minor, oldest), newest);
}

function minorOf(version: string): number {
  return Number(/^v?1\.(\d+)/.exec(version)?.[1] ?? newest);
}
