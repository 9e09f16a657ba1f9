import { isDeepStrictEqual } from 'node:util';
import type { Values } from '../../bundle-spec/values-layer.ts';
import { applyEdits, type Edit } from '../overrides.ts';
import { formatPath, getAt, type Path } from '../values-path.ts';
import type { Gate } from './gate.ts';

/** The values that a chart sees, and those that it sees when nobody sets any. */
export interface SeenValues {
  readonly values: Values;
  readonly defaults: Values;
}

/**
 * The gate with the whole list where it sets something in an item of one, since helm replaces a list by what `--set` gives of it. Only a list
 * of the chart itself is written out: one that the release sets may hold what is not to be printed.
 */
export function withWholeLists(gate: Gate, seen: SeenValues): Gate {
  const groups = Map.groupBy(gate.settings, ({ path }) => formatPath(listOf(path, seen) ?? path));
  const settings = [...groups.values()].flatMap((group): readonly Edit[] => {
    const path = listOf(group[0]?.path ?? [], seen);
    return path === undefined ? group : [{ path, value: getAt(applyEdits(seen.values, group), path) }];
  });
  return { ...gate, settings };
}

/** The list of the chart that `path` leads into; `undefined` for none. */
function listOf(path: Path, { values, defaults }: SeenValues): Path | undefined {
  const index = path.findIndex((step) => typeof step === 'number');
  const list = index === -1 ? undefined : getAt(values, path.slice(0, index));
  if (!Array.isArray(list) || list.length === 0) return undefined;
  const own = getAt(defaults, path.slice(0, index));
  return own !== undefined && isDeepStrictEqual(JSON.parse(JSON.stringify(own)), list) ? path.slice(0, index) : undefined;
}
