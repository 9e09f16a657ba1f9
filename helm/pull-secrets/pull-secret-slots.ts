import type { Values } from '../../bundle-spec/values-layer.ts';
import type { Edit } from '../overrides.ts';
import { formatPath, getAt, isMap, type Path } from '../values-path.ts';

/**
 * How a chart wants pull secrets: a list of maps `{name}` or of names, one name, or names with commas. Where the values do not tell, each is tried.
 */
export type Spelling = 'maps' | 'names' | 'name' | 'commas';

/** A place in the values that may hold pull secrets. */
export interface PullSecretSlot {
  readonly path: Path;
  /** The likelier first. */
  readonly spellings: readonly Spelling[];
  /** In the values; else in templates alone, where the map that holds it may be there or not: to make one can turn something on. */
  readonly where: 'values' | 'templates' | 'absent map';
}

const slotKey = /(?:pull|registry)[-_]?secrets?(?:[-_]?names?)?$/i;
const listKey = /secrets$|names$/i;

/** Every slot in `values`, and among `paths`, which templates mention. */
export function findPullSecretSlots(values: Values, paths: readonly Path[]): PullSecretSlot[] {
  const slots = new Map<string, PullSecretSlot>();
  for (const slot of slotsIn(values, [])) slots.set(formatPath(slot.path), slot);
  for (const path of paths) {
    const fresh = slotKey.test(String(path.at(-1))) && getAt(values, path) === undefined && isReachable(values, path);
    if (fresh && !slots.has(formatPath(path)))
      slots.set(formatPath(path), { path, spellings: anySpelling(path), where: whereOf(values, path) });
  }
  return [...slots.values()];
}

/** The edit that adds `name` to a slot; what is there stays. */
export function addPullSecret(values: Values, { path }: PullSecretSlot, spelling: Spelling, name: string): Edit {
  const current = getAt(values, path);
  const list = Array.isArray(current) ? current : [];
  switch (spelling) {
    case 'maps':
      return { path, value: [...list, { name }] };
    case 'names':
      return { path, value: [...list, name] };
    case 'commas':
      return { path, value: `${String(current)},${name}` };
    case 'name':
      return { path, value: name };
    default:
      return spelling satisfies never;
  }
}

function* slotsIn(value: unknown, path: Path): Generator<PullSecretSlot> {
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* slotsIn(item, [...path, index]);
  if (!isMap(value)) return;
  for (const [key, entry] of Object.entries(value)) {
    const inner = [...path, key];
    const spellings = slotKey.test(key) ? spellingsOf(inner, entry) : [];
    if (spellings.length > 0) yield { path: inner, spellings, where: 'values' };
    else if (slotKey.test(key) && isMap(entry) && (entry.name === '' || entry.name === null))
      yield { path: [...inner, 'name'], spellings: ['name'], where: 'values' };
    else yield* slotsIn(entry, inner);
  }
}

/** Nothing for a single name that is taken, and for what is no pull secret: a switch, a map. */
function spellingsOf(path: Path, value: unknown): readonly Spelling[] {
  if (value === null || (Array.isArray(value) && value.length === 0)) return anySpelling(path, value);
  if (value === '') return ['name'];
  if (typeof value === 'string') return value.includes(',') ? ['commas'] : [];
  if (!Array.isArray(value)) return [];
  return value.every((entry) => typeof entry === 'string') ? ['names'] : value.every(isMap) ? ['maps'] : [];
}

function anySpelling(path: Path, value?: unknown): readonly Spelling[] {
  if (Array.isArray(value)) return ['maps', 'names'];
  if (/name$/i.test(String(path.at(-1)))) return ['name'];
  return listKey.test(String(path.at(-1))) ? ['maps', 'names', 'name'] : ['name', 'maps'];
}

function whereOf(values: Values, path: Path): PullSecretSlot['where'] {
  const holder = path.slice(0, -1);
  return holder.length === 0 || holder.join() === 'global' || isMap(getAt(values, holder)) ? 'templates' : 'absent map';
}

/** Not below something that is set and no map. */
function isReachable(values: Values, path: Path): boolean {
  return path.slice(0, -1).every((_, depth) => {
    const above = getAt(values, path.slice(0, depth + 1));
    return above === undefined || above === null || isMap(above);
  });
}
