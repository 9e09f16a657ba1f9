interface Ordered {
  readonly name: string;
  readonly dependsOn: readonly string[];
}

/** The releases in an order in which each comes after those it depends on, otherwise as given. A cycle was refused when the bundle was built. */
export function installOrder<T extends Ordered>(releases: readonly T[]): readonly T[] {
  const ordered: T[] = [];
  const visit = (release: T, path: readonly string[]): void => {
    if (ordered.includes(release)) return;
    if (path.includes(release.name)) throw new Error(`releases depend on each other: ${[...path, release.name].join(' -> ')}`);
    for (const name of release.dependsOn) {
      const needed = releases.find((other) => other.name === name);
      if (needed !== undefined) visit(needed, [...path, release.name]);
    }
    ordered.push(release);
  };
  for (const release of releases) visit(release, []);
  return ordered;
}
