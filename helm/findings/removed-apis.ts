import type { Finding } from '../../bundle-spec/finding.ts';
import type { BaseRender } from '../base-render.ts';
import { type ApiState, apiState } from '../kubernetes-apis.ts';
import type { RenderedObject } from '../manifest-stream.ts';
import { isTestOnly, listed, nameOf } from './words.ts';

export interface ApisInput {
  readonly bases: readonly BaseRender[];
  /** `target.apiVersions` of the spec. */
  readonly apiVersions: readonly string[];
  /** All template texts of the chart and its subcharts. */
  readonly templates: string;
}

/**
 * API_REMOVED: a kind that a minor rendered for serves no longer. API_MISSING: one that it does not serve yet, or not by default, and a custom
 * resource whose definition neither the release nor the spec brings.
 */
export function findApis({ bases, apiVersions, templates }: ApisInput): Finding[] {
  const groups = Map.groupBy(bases.flatMap(uses), ({ object, state }) =>
    JSON.stringify([object.apiVersion, object.kind, state.state, isTestOnly(object)]),
  );
  const given = new Set(apiVersions);
  const definitions = bases.flatMap(({ objects }) => objects.filter(({ kind }) => kind === 'CustomResourceDefinition'));
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined || isGiven(first.object, given)) return [];
    const minors = listed([...new Set(group.map(({ kubernetes }) => kubernetes))]);
    const { object, state } = first;
    if (state.state === 'removed') return [removed(object, state, minors, templates)];
    if (state.state === 'custom') return isDefined(object, definitions) ? [] : [undefinedKind(object, minors)];
    return state.state === 'served' ? [] : [notServed(object, state, minors)];
  });
}

interface Use {
  readonly object: RenderedObject;
  readonly kubernetes: string;
  readonly state: ApiState;
}

function uses({ objects, kubernetes }: BaseRender): Use[] {
  return objects
    .filter(({ apiVersion, kind }) => apiVersion !== '' && kind !== '')
    .map((object) => ({ object, kubernetes, state: apiState(kubernetes, object.apiVersion, object.kind) }));
}

type Removed = Extract<ApiState, { state: 'removed' }>;

function removed(object: RenderedObject, { since, replacement }: Removed, minors: string, templates: string): Finding {
  const api = `${object.kind} of ${object.apiVersion}`;
  const gone = `${api} is gone since Kubernetes ${since}`;
  const where = `${nameOf(object)} (${object.template})`;
  if (asksFor(object, templates))
    return {
      severity: 'info',
      code: 'API_REMOVED',
      message: `${gone}; "helm template" renders it for ${minors}, a cluster will not, since the chart asks whether it is served`,
      where,
    };
  const instead =
    replacement === undefined ? (replacements[object.kind] ?? 'nothing took its place') : `${replacement} took its place`;
  return {
    severity: isTestOnly(object) ? 'warning' : 'error',
    code: 'API_REMOVED',
    message: `${gone}, and the release renders it for ${minors}: the cluster will refuse it`,
    where,
    fix: `take a newer version of the chart, or the value that turns it off; ${instead}`,
  };
}

/** helm template answers with the versions of all ages, a cluster with its own. */
function asksFor({ apiVersion, kind }: RenderedObject, templates: string): boolean {
  return [apiVersion, `${apiVersion}/${kind}`].some((api) => templates.includes(`Has "${api}"`));
}

const replacements: Readonly<Record<string, string>> = {
  PodSecurityPolicy: 'Pod Security admission took its place (labels of the namespace)',
};

type NotServed = Extract<ApiState, { state: 'later' | 'off' }>;

function notServed(object: RenderedObject, state: NotServed, minors: string): Finding {
  const api = `${object.kind} of ${object.apiVersion}`;
  const when =
    state.state === 'later' ? `is served from Kubernetes ${state.from} on` : 'is served only where --runtime-config turns it on';
  return {
    severity: 'warning',
    code: 'API_MISSING',
    message: `${api} ${when}, and the release renders it for ${minors}`,
    where: `${nameOf(object)} (${object.template})`,
    fix: `set the value that turns it off; or, where the cluster serves it, target.apiVersions: ["${object.apiVersion}"]`,
  };
}

function undefinedKind(object: RenderedObject, minors: string): Finding {
  const [group = ''] = object.apiVersion.split('/');
  return {
    severity: 'info',
    code: 'API_MISSING',
    message: `${object.kind} of ${object.apiVersion} needs a CustomResourceDefinition of ${group}; neither Kubernetes ${minors} nor this release brings one`,
    where: `${nameOf(object)} (${object.template})`,
    fix: `install what defines it first; where the cluster has it already, say so: target.apiVersions: ["${object.apiVersion}"]`,
  };
}

function isGiven({ apiVersion, kind }: RenderedObject, given: ReadonlySet<string>): boolean {
  return given.has(apiVersion) || given.has(`${apiVersion}/${kind}`);
}

/** By the definition's name, `<plural>.<group>`: its spec is not kept. A plural begins as its kind does, but for the last letter. */
function isDefined({ apiVersion, kind }: RenderedObject, definitions: readonly RenderedObject[]): boolean {
  const [group = ''] = apiVersion.split('/');
  const stem = kind.toLowerCase().replace(/[ysx]$/, '');
  return definitions.some(({ name }) => name.endsWith(`.${group}`) && name.startsWith(stem));
}
