import type { Values } from '../../bundle-spec/values-layer.ts';
import { findCandidates } from '../image-shapes.ts';
import type { Edit } from '../overrides.ts';
import { formatPath, getAt, isMap, type Path } from '../values-path.ts';
import type { Gate } from './gate.ts';
import type { ScopedChart } from './gate-charts.ts';
import { switchName } from './gate-knowledge.ts';

/**
 * What is tried for charts whose templates cannot be read: for each image of their values that is not among `shown` (paths in helm's syntax),
 * the switches that are off in the maps around it.
 */
export function switchGates(charts: readonly ScopedChart[], values: Values, shown: ReadonlySet<string>): Gate[] {
  const gates = new Map<string, Gate>();
  if (charts.length === 0) return [];
  for (const { path, head } of findCandidates(values, [])) {
    const chart = charts.find(({ scope }) => scope.every((step, index) => path[index] === step));
    if (chart === undefined || head === '' || shown.has(formatPath(path))) continue;
    const settings = path.flatMap((_, depth) => switchesIn(values, path.slice(0, depth)));
    const where = `${chart.folder}/values.yaml: ${formatPath(path)}`;
    if (settings.length > 0) gates.set(settings.map((setting) => formatPath(setting.path)).join(), { settings, where });
  }
  return [...gates.values()];
}

function switchesIn(values: Values, path: Path): Edit[] {
  const map = getAt(values, path);
  if (!isMap(map)) return [];
  const off = Object.keys(map).filter((key) => switchName.test(key) && (map[key] === false || map[key] === 'false'));
  return off.map((key) => ({ path: [...path, key], value: typeof map[key] === 'string' ? 'true' : true }));
}
