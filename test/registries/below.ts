import type { PushBlobOptions, Registry } from '../../images/registry/registry.ts';

/** The same registry, whose repositories all lie below `prefix` (`porter/`). */
export function below(prefix: string, registry: Registry): Registry {
  if (prefix === '') return registry;
  const moved = Object.entries(registry).map(([name, value]) => {
    if (typeof value !== 'function' || name === 'close') return [name, value];
    const method = (repository: string, ...rest: readonly unknown[]) =>
      value(`${prefix}${repository}`, ...rest.map((argument) => withMount(prefix, argument)));
    return [name, method];
  });
  return Object.fromEntries(moved);
}

function withMount(prefix: string, argument: unknown): unknown {
  const { mountFrom, ...options } = argument as Partial<PushBlobOptions>;
  return mountFrom === undefined ? argument : { ...options, mountFrom: `${prefix}${mountFrom}` };
}
