import type { Discovery } from '../../helm/discovery.ts';
import type { Rewrite } from '../../helm/prove.ts';
import type { ChartCase } from './chart-cases.ts';

/** What was found, as `expected.yaml` of a chart has it. */
export function foundIn({ references, dumped }: Discovery): ChartCase['found'] {
  const all = [...references, ...dumped].map(({ reference, class: kind, valuesPaths, places }) => [
    reference,
    {
      ...(kind === 'declared' ? { class: kind } : {}),
      paths: [...valuesPaths],
      places: places.map(({ kind: object, name, path }) => `${object}/${name} ${path}`),
    },
  ]);
  return Object.fromEntries(all);
}

/** Reason and text of what the proof leaves. */
export function leftIn({ leftovers }: Rewrite): string[] {
  return leftovers.map(({ reason, reference }) => `${reason} ${reference}`);
}

/** The references that values alone do not rewrite. */
export function notByValues({ rewritable }: Rewrite): Record<string, string> {
  return Object.fromEntries([...rewritable].filter(([, by]) => by !== 'values'));
}
