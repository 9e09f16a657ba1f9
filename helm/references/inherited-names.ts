import { hasSentinel, withoutSentinels } from '../sentinel.ts';
import { isMap } from '../values-path.ts';
import type { ObjectPath } from './payload.ts';
import { isRegistryHost } from './registry-hosts.ts';

/**
 * A reference of which the map holds the registry, and a map below it the bare name: `{hub, tag, proxy: {image: proxyv2}}`. The tag is the
 * registry's neighbour, or, below a host that is a registry by its name, that of the name or of a map around it:
 * `{base: quay.io/shop, parts: {api: {image: api, tag: v1, match: [{image: api-arm}]}}}`.
 */
export interface InheritedName {
  readonly text: string;
  /** The key of the registry. */
  readonly lead: string;
  /** From the map to the name. */
  readonly name: readonly string[];
}

const registryKeys = ['hub', 'registry', 'imageRegistry'];
const tagKeys = ['tag', 'imageTag'];
const ownKeys = new Set([...registryKeys, ...tagKeys, 'repository', 'version', 'digest']);
const leadKeys = [...registryKeys, 'base', 'repository'];
const deepest = 3;

type Map = Readonly<Record<string, unknown>>;

/** Those of one map; none where it has no registry with a host. */
export function inheritedNames(map: Map): InheritedName[] {
  const lead = [...registryKeys, 'base'].find(
    (key) => typeof map[key] === 'string' && /^[\w-]+(?:\.[\w-]+)*(?:[.:][\w-]+)[\w./-]*$/.test(String(map[key])),
  );
  if (lead === undefined) return [];
  const registry = String(map[lead]).replace(/\/+$/, '');
  const tag = tagOf(map);
  const names = lead !== 'base' && tag !== undefined ? namesBelow(map, 0).map((below) => ({ ...below, tag })) : [];
  const own = isRegistry(registry) ? taggedNames(map, undefined, 0) : [];
  return [...names, ...own].map(({ path, name, tag }) => ({ text: `${registry}/${name}:${tag}`, lead, name: path }));
}

function tagOf(map: Map): string | undefined {
  return tagKeys.map((key) => map[key]).find((value) => typeof value === 'string' && /^\w[\w.-]*$/.test(value)) as
    | string
    | undefined;
}

/** A registry by its name, or a mirror with the name of one in its path: `r.internal/mirror/quay.io/shop`. */
function isRegistry(text: string): boolean {
  return hasSentinel(text) || text.split('/').some(isRegistryHost);
}

/** The text of the one with that name's path, in another render of the map. */
export function inheritedAgain(map: unknown, name: ObjectPath): string | undefined {
  const found = isMap(map) ? inheritedNames(map) : [];
  return found.find((entry) => entry.name.join('\n') === name.join('\n'))?.text;
}

interface NameBelow {
  readonly path: readonly string[];
  readonly name: string;
}

function namesBelow(map: Map, depth: number): NameBelow[] {
  if (depth === deepest) return [];
  return Object.entries(map).flatMap(([key, inner]) => {
    if (!isMap(inner) || Object.keys(inner).some((own) => ownKeys.has(own))) return [];
    return [...bareName(inner), ...namesBelow(inner, depth + 1)].map(({ path, name }) => ({ path: [key, ...path], name }));
  });
}

/** Bare names below `value` that have a tag, their own or that of a map around them, and no registry of their own. */
function taggedNames(value: object, around: string | undefined, depth: number): (NameBelow & { readonly tag: string })[] {
  if (depth > deepest) return [];
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    if (typeof inner !== 'object' || inner === null || (isMap(inner) && leadKeys.some((lead) => Object.hasOwn(inner, lead))))
      return [];
    const tag = isMap(inner) ? (tagOf(inner) ?? around) : around;
    const own = isMap(inner) && tag !== undefined ? bareName(inner).map((found) => ({ ...found, tag })) : [];
    return [...own, ...taggedNames(inner, tag, depth + 1)].map((found) => ({ ...found, path: [key, ...found.path] }));
  });
}

function bareName({ image }: Map): NameBelow[] {
  const bare = typeof image === 'string' && /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(withoutSentinels(image));
  return bare ? [{ path: ['image'], name: image }] : [];
}
