/** A cycle of `dependsOn` as the names along it, the first one repeated at the end; undefined when there is none. */
export function dependencyCycle(dependsOn: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  for (const name of dependsOn.keys()) {
    const cycle = cycleFrom(name, [], dependsOn, done);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

function cycleFrom(
  name: string,
  trail: readonly string[],
  dependsOn: ReadonlyMap<string, readonly string[]>,
  done: Set<string>,
): string[] | undefined {
  if (trail.includes(name)) return [...trail.slice(trail.indexOf(name)), name];
  if (done.has(name)) return undefined;
  for (const other of dependsOn.get(name) ?? []) {
    const cycle = cycleFrom(other, [...trail, name], dependsOn, done);
    if (cycle !== undefined) return cycle;
  }
  done.add(name);
  return undefined;
}
