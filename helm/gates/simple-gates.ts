import type { Values } from '../../bundle-spec/values-layer.ts';
import { formatPath, getAt, isMap, type Path } from '../values-path.ts';
import type { Gate } from './gate.ts';

const switches = ['enabled', 'enable', 'create', 'deploy', 'install'] as const;

/**
 * Switches by their name alone, for images that no template tells of: what is off on the way to each of the `unseen` paths, each alone, then all that
 * is off on one way together.
 */
export function findSimpleGates(values: Values, unseen: readonly Path[]): Gate[] {
  const gates = new Map<string, Gate>();
  const add = (paths: readonly Path[], target: Path): void => {
    const gate = { settings: paths.map((path) => ({ path, value: true })), where: `values.yaml: ${formatPath(target)}` };
    const key = paths.map(formatPath).join();
    if (!gates.has(key)) gates.set(key, gate);
  };
  const ways = unseen.map((path) => ({ path, off: switchesOff(values, path) }));
  for (const { path, off } of ways) for (const one of off.toReversed()) add([one], path);
  for (const { path, off } of ways) if (off.length > 1) add(off, path);
  return [...gates.values()];
}

/** Outermost first. */
function switchesOff(values: Values, path: Path): Path[] {
  const off: Path[] = [];
  for (let depth = 0; depth < path.length; depth += 1) {
    const map = getAt(values, path.slice(0, depth));
    if (!isMap(map)) continue;
    for (const key of switches) if (map[key] === false) off.push([...path.slice(0, depth), key]);
  }
  return off;
}
