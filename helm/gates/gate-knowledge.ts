import { readYaml } from '../charts/subcharts.ts';
import { slotAt } from '../image-shapes.ts';
import type { ValueUse } from '../templates/template-loops.ts';
import { formatPath, isMap, type Path } from '../values-path.ts';
import type { ScopedChart } from './gate-charts.ts';
import type { Condition } from './gate-condition.ts';
import type { ValueKnowledge } from './gate-solver.ts';
import { choicesInComments } from './values-comments.ts';

/** The host of everything that is made up so that a template renders: no chart means it, and an image from there is none of the chart's. */
export const placeholderHost = 'placeholder.invalid';

/** Keys of parts of a reference: an invented tag, digest or host would make a false image of a true one. */
const partKey = /tag(?:[-_]?suffix)?$|digest$|^sha(?:256)?$|^hash$|regist(?:ry|ries)(?:host)?$|^(?:version|release)$|^hub$/i;

/** A name, tag or host of an image, or another text beside them. */
export function isPartOfImage(path: Path): boolean {
  const parent = path.at(-2);
  return (
    slotAt(path) !== undefined || partKey.test(String(path.at(-1))) || (typeof parent === 'string' && /image$/i.test(parent))
  );
}

/** Keys that choose among tags and hosts of one image. */
const pinKey = /tag(?:[-_]?suffix)?$|digest$|^sha(?:256)?$|(?:registry|repository|hub)$/i;

/** A choice of tag, digest, host or name of one image: any user can make it, and no other word for it opens anything. */
export function pinsImage(path: Path): boolean {
  const [key, parent] = [String(path.at(-1)), String(path.at(-2))];
  return pinKey.test(key) || (/^(?:version|release|name)$/i.test(key) && /image$/i.test(parent));
}

const deepestFilling = 3;
export const switchName =
  /(?:^|[a-z_-])(?:[eE]nabled?|[cC]reate|[dD]eploy|[iI]nstall)$|^(?:enable|use|create|deploy|install)[A-Z]/;

/** What a chart tells about its values: other values that conditions and schemas name, and how templates use what is empty. */
export function valueKnowledge(
  charts: readonly ScopedChart[],
  conditions: Iterable<Condition>,
  uses: ReadonlyMap<string, ValueUse>,
): ValueKnowledge {
  const named = valuesNamedIn(conditions);
  for (const chart of charts) addFromSchema(named, readYaml(chart.files, 'values.schema.json'), chart.scope);
  for (const chart of charts) addFromComments(named, chart);
  return {
    alternatives: (path) => [...(named.get(formatPath(path)) ?? [])],
    filling: (path, current) => fillingOf(path, current, uses, 0),
  };
}

type NamedValues = Map<string, Set<unknown>>;

function valuesNamedIn(conditions: Iterable<Condition>): NamedValues {
  const named: NamedValues = new Map();
  const seen = new Set<Condition>();
  const queue = [...conditions];
  for (let condition = queue.pop(); condition !== undefined; condition = queue.pop()) {
    if (seen.has(condition)) continue;
    seen.add(condition);
    if (condition.kind === 'and' || condition.kind === 'or') queue.push(...condition.all);
    else if (condition.kind === 'not') queue.push(condition.of);
    else if (condition.kind === 'value') addNamed(named, condition);
  }
  return named;
}

function addNamed(named: NamedValues, { path, test }: Condition & { kind: 'value' }): void {
  if (test.is !== 'equal' || test.value === '' || test.value === null || test.value === undefined) return;
  add(named, path, [test.value]);
}

function add(named: NamedValues, path: Path, values: readonly unknown[]): void {
  const key = formatPath(path);
  const known = named.get(key) ?? new Set();
  for (const value of values) known.add(value);
  named.set(key, known);
}

function addFromSchema(named: NamedValues, schema: unknown, path: Path): void {
  if (!isMap(schema) || path.length > 12) return;
  if (Array.isArray(schema.enum))
    add(
      named,
      path,
      schema.enum.filter((value) => value !== '' && value !== null),
    );
  const properties = isMap(schema.properties) ? schema.properties : {};
  for (const [key, inner] of Object.entries(properties)) addFromSchema(named, inner, [...path, key]);
}

/** The words of comments come last: templates and schemas are certain. */
function addFromComments(named: NamedValues, { files, scope }: ScopedChart): void {
  const text = files.get('values.yaml')?.toString('utf8') ?? '';
  for (const { path, words } of choicesInComments(text)) add(named, [...scope, ...path], words);
}

type Uses = ReadonlyMap<string, ValueUse>;

/** Something true for what is false or absent, in the type that the templates and the key's name ask for. */
function fillingOf(path: Path, current: unknown, uses: Uses, depth: number): unknown {
  const key = String(path.findLast((step) => typeof step === 'string') ?? '');
  const use = uses.get(formatPath(path));
  if (current === false || switchName.test(key)) return true;
  if (typeof current === 'number') return 1;
  if (Array.isArray(current) || use?.ranged === 'list') {
    const item = fillingOf([...path, 0], undefined, uses, depth + 1);
    return item === undefined ? undefined : [item];
  }
  if (use?.ranged === 'map') return { placeholder: fillingOf([...path, 'placeholder'], undefined, uses, depth + 1) ?? {} };
  const children = mapFilling(path, use, uses, depth);
  if (children !== undefined) return children;
  if (isMap(current)) return { placeholder: 'placeholder' };
  return scalarFilling(path, key, current, use);
}

/** A map with the keys that templates print. */
function mapFilling(path: Path, use: ValueUse | undefined, uses: Uses, depth: number): unknown {
  if (use === undefined || use.children.size === 0 || depth >= deepestFilling) return undefined;
  const entries: [string, unknown][] = [];
  for (const child of use.children) {
    const below = uses.get(formatPath([...path, child]));
    const isPrinted =
      below?.printed === 'always' || (below !== undefined && below.children.size > 0 && depth + 1 < deepestFilling);
    const filling = isPrinted ? fillingOf([...path, child], undefined, uses, depth + 1) : undefined;
    if (filling !== undefined) entries.push([child, filling]);
  }
  return entries.length === 0 ? { placeholder: 'placeholder' } : Object.fromEntries(entries);
}

function scalarFilling(path: Path, key: string, current: unknown, use: ValueUse | undefined): unknown {
  if (partKey.test(key)) return undefined;
  if (slotAt(path) !== undefined) return `${placeholderHost}/placeholder:1`;
  if (isPartOfImage(path) && !path.some((step) => step === 0 || step === 'placeholder')) return undefined;
  if (/^port$|[a-z_-]Port$/.test(key)) return 8080;
  if (/url|endpoint$/i.test(key)) return `https://${placeholderHost}`;
  const isSwitch = (current === undefined || current === null) && use?.printed === undefined && typeof path.at(-1) === 'string';
  return isSwitch ? true : 'placeholder';
}
