import { withoutSentinels } from '../sentinel.ts';
import { isMap } from '../values-path.ts';
import type { ObjectPath } from './payload.ts';

/** A reference of which the map holds registry and tag, and a map below it the bare name: `{hub, tag, proxy: {image: proxyv2}}`. */
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
const deepest = 3;

/** Those of one map; none where it has no registry with a host or no tag. */
export function inheritedNames(map: Readonly<Record<string, unknown>>): InheritedName[] {
  const lead = registryKeys.find(
    (key) => typeof map[key] === 'string' && /^[\w-]+(?:\.[\w-]+)*(?:[.:][\w-]+)[\w./-]*$/.test(String(map[key])),
  );
  const tag = tagKeys.map((key) => map[key]).find((value) => typeof value === 'string' && /^\w[\w.-]*$/.test(value));
  if (lead === undefined || tag === undefined) return [];
  const registry = String(map[lead]).replace(/\/+$/, '');
  return namesBelow(map, 0).map(({ path, name }) => ({ text: `${registry}/${name}:${String(tag)}`, lead, name: path }));
}

/** The text of the one with that name's path, in another render of the map. */
export function inheritedAgain(map: unknown, name: ObjectPath): string | undefined {
  const found = isMap(map) ? inheritedNames(map) : [];
  return found.find((entry) => entry.name.join('\n') === name.join('\n'))?.text;
}

function namesBelow(
  map: Readonly<Record<string, unknown>>,
  depth: number,
): { readonly path: readonly string[]; readonly name: string }[] {
  if (depth === deepest) return [];
  return Object.entries(map).flatMap(([key, inner]) => {
    if (!isMap(inner) || Object.keys(inner).some((own) => ownKeys.has(own))) return [];
    const { image } = inner;
    const bare = typeof image === 'string' && /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(withoutSentinels(image));
    const own = bare ? [{ path: [key, 'image'], name: image }] : [];
    return [...own, ...namesBelow(inner, depth + 1).map(({ path, name }) => ({ path: [key, ...path], name }))];
  });
}
