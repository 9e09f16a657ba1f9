import type { Values } from '../../bundle-spec/values-layer.ts';
import type { ChartFiles } from '../charts/chart-archive.ts';
import { readYaml, subchartsOf } from '../charts/subcharts.ts';
import { getAt, isMap, type Path } from '../values-path.ts';
import { always, and, type Condition, or, testOf } from './gate-condition.ts';

/** A chart or subchart with the part of the values that it sees. A subchart with two aliases is two of these. */
export interface ScopedChart {
  /** `shop/charts/redis`: what its templates are called by. */
  readonly folder: string;
  readonly files: ChartFiles;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly scope: Path;
  readonly enabled: Condition;
}

/** A chart with all its subcharts, and the values with the defaults of those that are switched off, which helm leaves out. */
export interface ChartTree {
  readonly charts: readonly ScopedChart[];
  readonly values: Values;
}

/** `name` is what the chart is called whose Chart.yaml gives it no name. */
export function readChartTree(files: ChartFiles, name: string, values: Values): ChartTree {
  const copy = structuredClone(values);
  const metadata = metadataOf(files);
  const folder = typeof metadata.name === 'string' && metadata.name !== '' ? metadata.name : name;
  return {
    charts: [...chartsIn({ folder, files, metadata, scope: [], enabled: always }, copy)],
    values: copy,
  };
}

function* chartsIn(chart: ScopedChart, values: Values): Generator<ScopedChart> {
  yield chart;
  for (const { folder, inner } of subchartsOf(chart.files, chart.folder)) {
    const metadata = metadataOf(inner);
    const name = typeof metadata.name === 'string' ? metadata.name : folder;
    for (const dependency of dependenciesOn(name, chart)) {
      const alias = typeof dependency.alias === 'string' && dependency.alias !== '' ? dependency.alias : name;
      const scope = [...chart.scope, alias];
      addDefaults(values, scope, readYaml(inner, 'values.yaml'));
      const enabled = and(chart.enabled, conditionOf(dependency, chart.scope, values));
      yield* chartsIn({ folder: `${chart.folder}/charts/${alias}`, files: inner, metadata, scope, enabled }, values);
    }
  }
}

function metadataOf(files: ChartFiles): Readonly<Record<string, unknown>> {
  const metadata = readYaml(files, 'Chart.yaml');
  return isMap(metadata) ? metadata : {};
}

type Dependency = Readonly<Record<string, unknown>>;

/** One entry for each alias; a chart that lies in `charts/` and is not listed is always on. */
function dependenciesOn(name: string, { files, metadata }: ScopedChart): Dependency[] {
  const requirements = readYaml(files, 'requirements.yaml');
  const lists = [metadata.dependencies, isMap(requirements) ? requirements.dependencies : []];
  const entries = lists.flatMap((list) => (Array.isArray(list) ? list : [])).filter(isMap);
  const found = entries.filter((entry) => entry.name === name);
  return found.length === 0 ? [{}] : found;
}

/** Helm's rule: the first path of `condition` that exists decides, else the tags do, else the subchart is on. */
function conditionOf({ condition, tags }: Dependency, scope: Path, values: Values): Condition {
  const paths = (typeof condition === 'string' ? condition.split(',') : [])
    .map((path) => path.trim())
    .filter((path) => path !== '')
    .map((path) => [...scope, ...path.split('.')]);
  const deciding = paths.find((path) => getAt(values, path) !== undefined);
  if (deciding !== undefined) return testOf(deciding, { is: 'truthy' });
  const named = (Array.isArray(tags) ? tags : [])
    .map((tag) => ['tags', String(tag)])
    .filter((path) => getAt(values, path) !== undefined);
  return named.length === 0 ? always : or(...named.map((path) => testOf(path, { is: 'truthy' })));
}

/** Adds the defaults that helm left out at `scope`; what a subchart says of `global` is for all. */
function addDefaults(values: Values, scope: Path, defaults: unknown): void {
  if (!isMap(defaults)) return;
  const { global = {}, ...own } = defaults;
  const target = scope.reduce<Values>((map, step) => mapAt(map, String(step)), values);
  const isLeftOut = Object.entries(own).some(([key, value]) => value !== null && target[key] === undefined);
  if (isLeftOut) addMissing(target, own);
  if (isMap(global)) addMissing(mapAt(values, 'global'), global);
}

function mapAt(values: Values, key: string): Values {
  if (!isMap(values[key])) values[key] = {};
  return values[key] as Values;
}

function addMissing(target: Values, defaults: Values): void {
  for (const [key, value] of Object.entries(defaults)) {
    const current = target[key];
    if (current === undefined) target[key] = structuredClone(value);
    else if (isMap(current) && isMap(value)) addMissing(current as Values, value);
  }
}
