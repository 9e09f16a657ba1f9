import type { RenderedObject } from './manifest-stream.ts';

/** Objects of one render and what they are in another render of the same chart. */
export type SameObjects = ReadonlyMap<RenderedObject, RenderedObject>;

/**
 * Pairs the objects of two renders: by kind, namespace and name; what is then left, because its name is new in each render, by its
 * order among the objects of that kind from the same template.
 */
export function pairObjects(from: readonly RenderedObject[], to: readonly RenderedObject[]): SameObjects {
  const pairs = new Map<RenderedObject, RenderedObject>();
  const rest = new Set(to);
  for (const keyOf of [byName, byTemplate]) {
    const waiting = Map.groupBy(rest, keyOf);
    for (const object of from) {
      const partner = pairs.has(object) ? undefined : waiting.get(keyOf(object))?.shift();
      if (partner === undefined) continue;
      pairs.set(object, partner);
      rest.delete(partner);
    }
  }
  return pairs;
}

/** The name of an object with `*` for what another render changed: `shop-test-*`. */
export function stableName(name: string, other: string): string {
  if (name === other) return name;
  let same = 0;
  while (same < name.length && name[same] === other[same]) same += 1;
  return `${name.slice(0, same).replace(/[^-.]*$/, '')}*`;
}

function byName(object: RenderedObject): string {
  return JSON.stringify([object.template, object.apiVersion, object.kind, object.namespace, object.name]);
}

function byTemplate(object: RenderedObject): string {
  return JSON.stringify([object.template, object.kind, object.namespace]);
}
