import type { RenderedObject } from './manifest-stream.ts';
import type { Reading } from './references/find-references.ts';
import { getInObject, type ObjectPath } from './references/payload.ts';
import { isMap } from './values-path.ts';

/** The place in another render of its object. Items of lists that have names, such as variables, are known by them: others may have come before. */
export function placeIn(object: RenderedObject, place: Reading): Reading {
  if (object.value === place.object.value || !place.path.some((step) => typeof step === 'number')) return { ...place, object };
  const path = pathIn(object, place.object, place.path);
  if (place.group === undefined) return { ...place, object, path };
  return { ...place, object, path, group: { ...place.group, path: pathIn(object, place.object, place.group.path) } };
}

function pathIn(object: RenderedObject, original: RenderedObject, path: ObjectPath): ObjectPath {
  const same: ObjectPath[number][] = [];
  let [from, to]: [unknown, unknown] = [original.value, object.value];
  for (const step of path) {
    const own = typeof step === 'number' ? sameItem(from, to, step) : step;
    same.push(own);
    from = getInObject(from, [step]);
    to = getInObject(to, [own]);
  }
  return same;
}

function sameItem(from: unknown, to: unknown, index: number): number {
  const item: unknown = Array.isArray(from) ? from[index] : undefined;
  if (!isMap(item) || typeof item.name !== 'string' || !Array.isArray(to)) return index;
  const same = to.findIndex((other) => isMap(other) && other.name === item.name);
  return same === -1 || nameAt(to, index) === item.name ? index : same;
}

function nameAt(list: readonly unknown[], index: number): unknown {
  const item = list[index];
  return isMap(item) ? item.name : undefined;
}
