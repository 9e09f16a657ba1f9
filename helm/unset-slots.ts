import type { Values } from '../bundle-spec/values-layer.ts';
import { type ChartFiles, readArchive } from './charts/chart-archive.ts';
import { readYaml, subchartsOf } from './charts/subcharts.ts';
import { type Candidate, slotAt } from './image-shapes.ts';
import { formatPath, getAt, isMap, type Path } from './values-path.ts';

/**
 * Slots that the effective values do not show: keys that a chart's values.yaml sets to null, which Helm 4 drops, and keys that stand in
 * templates alone. Subcharts stand below their name or alias. `name` is what errors call the archive.
 */
export function findUnsetSlots(tgz: Buffer, values: Values, name: string): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const path of valuesPathsIn(tgz, name)) {
    // A null that helm keeps is a candidate like any other value.
    const candidate = getAt(values, path) === undefined ? slotAt(path) : undefined;
    if (candidate !== undefined) found.set(formatPath(path), candidate);
  }
  return [...found.values()];
}

/** Every values path that the chart or a subchart sets to null, or that stands in a template, in the scope of the parent. Throws CHART_INVALID. */
export function valuesPathsIn(tgz: Buffer, name: string): Path[] {
  return [...pathsOfChart(readArchive(tgz, name), [], name)];
}

function* pathsOfChart(files: ChartFiles, scope: Path, name: string): Generator<Path> {
  for (const path of [...nullsIn(readYaml(files, 'values.yaml'), []), ...pathsInTemplates(files)]) {
    yield path[0] === 'global' ? path : [...scope, ...path];
  }
  for (const { folder, inner } of subchartsOf(files, name)) {
    for (const alias of aliasesOf(files, inner, folder)) yield* pathsOfChart(inner, [...scope, alias], `${name}: ${folder}`);
  }
}

function* nullsIn(value: unknown, path: Path): Generator<Path> {
  if (value === null) yield path;
  else if (isMap(value)) for (const [key, entry] of Object.entries(value)) yield* nullsIn(entry, [...path, key]);
}

function* pathsInTemplates(files: ChartFiles): Generator<Path> {
  for (const [path, body] of files) {
    if (!path.startsWith('templates/')) continue;
    // `(.Values.a).b` is the way to ask for what may not be there.
    const text = body.toString('utf8').replaceAll(').', '.');
    for (const match of text.matchAll(/\.Values((?:\.[A-Za-z_]\w*)+)/g)) yield (match[1] ?? '').slice(1).split('.');
  }
}

/** The names a subchart's values go by: its own, or the aliases that its parent gives it. */
function aliasesOf(parent: ChartFiles, subchart: ChartFiles, folder: string): string[] {
  const metadata = readYaml(subchart, 'Chart.yaml');
  const name = isMap(metadata) && typeof metadata.name === 'string' ? metadata.name : folder;
  const lists = ['Chart.yaml', 'requirements.yaml']
    .map((file) => readYaml(parent, file))
    .flatMap((value) => (isMap(value) ? value.dependencies : []));
  const entries = lists.filter(isMap).filter((entry) => entry.name === name);
  const names = entries.map((entry) => (typeof entry.alias === 'string' && entry.alias !== '' ? entry.alias : name));
  return names.length === 0 ? [name] : [...new Set(names)];
}
