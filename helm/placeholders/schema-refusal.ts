import type { NestedFile } from '../charts/nested-files.ts';
import { getAt, isMap, type Path } from '../values-path.ts';
import type { Missing } from './placeholder-value.ts';

/**
 * What the refusals of a values schema ask for, each in a group of its own: `external-dns: - at '': missing property 'policy'`. Types, choices and
 * examples are those of the schema.
 */
export function missingInSchema(reason: string, files: readonly NestedFile[]): Missing[][] {
  const [, list] = /specifications of the schema\(s\) in the following chart\(s\): ?([\s\S]*)$/.exec(reason) ?? [];
  if (list === undefined) return [];
  const groups: Missing[][] = [];
  let chart = '';
  for (const part of list.split(/; ?|(?= - at )|: (?=- at )|\n/)) {
    const [, named] = /^\s*([\w.-]+):?\s*$/.exec(part) ?? [];
    if (named !== undefined) chart = named;
    const [, pointer, problem = ''] = /^\s*- at '([^']*)': (.*)$/.exec(part) ?? [];
    if (pointer !== undefined) groups.push(...missingAt(pointer, problem, files, chart).map((missing) => [missing]));
  }
  return groups;
}

function missingAt(pointer: string, problem: string, files: readonly NestedFile[], chart: string): Missing[] {
  const at = pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const { schema, scope } = schemaOf(files, chart);
  const [, names] = /missing propert(?:y|ies) (.*)$/.exec(problem) ?? [];
  const paths: Path[] = names === undefined ? [at] : [...names.matchAll(/'([^']+)'/g)].map(([, name = '']) => [...at, name]);
  const { length, type } = limits(problem);
  return paths.map((path) => {
    const known = describe(schema, path);
    return {
      ...known,
      path: [...scope, ...path],
      ...(type === undefined ? {} : { wants: type }),
      ...(length === undefined ? {} : { length }),
    };
  });
}

function limits(problem: string): { readonly length?: number; readonly type?: NonNullable<Missing['wants']> } {
  const [, least] = /minLength: got \d+, want (\d+)/.exec(problem) ?? [];
  const [, wanted = ''] = /got \w+, want (\w+)/.exec(problem) ?? [];
  const type = types[wanted];
  return { ...(least === undefined ? {} : { length: Number(least) }), ...(type === undefined ? {} : { type }) };
}

const types: Readonly<Record<string, NonNullable<Missing['wants']>>> = {
  string: 'text',
  integer: 'number',
  number: 'number',
  boolean: 'boolean',
  array: 'list',
  object: 'map',
};

function schemaOf(files: readonly NestedFile[], chart: string): { readonly schema: unknown; readonly scope: Path } {
  const file = files.find((each) => each.path === 'values.schema.json' && each.chart.split('/').at(-1) === chart);
  const scope = (file?.chart ?? '').split('/charts/').slice(1);
  try {
    return { schema: JSON.parse(file?.body.toString('utf8') ?? 'null'), scope };
  } catch {
    return { schema: undefined, scope };
  }
}

/** What the schema says of a path, as far as it says it plainly: properties, items and references within the document. */
function describe(schema: unknown, path: Path): Omit<Missing, 'path'> {
  let node = resolve(schema, schema);
  for (const step of path) {
    const next = getAt(node, ['properties', step]) ?? (/^\d+$/.test(String(step)) ? getAt(node, ['items']) : undefined);
    node = resolve(schema, next);
  }
  if (!isMap(node)) return {};
  const choices = [node.const, ...listOf(node.enum), ...listOf(node.examples)].filter(
    (choice) => choice !== undefined && choice !== null,
  );
  const type = [node.type].flat().find((name) => typeof name === 'string' && name !== 'null');
  const wants = typeof type === 'string' ? types[type] : undefined;
  const keys = listOf(node.required).filter((key) => typeof key === 'string');
  return { choices, ...(wants === undefined ? {} : { wants }), ...(keys.length === 0 ? {} : { keys }) };
}

function resolve(schema: unknown, node: unknown): unknown {
  const reference = isMap(node) ? node.$ref : undefined;
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return node;
  return getAt(schema, reference.slice(2).split('/'));
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
