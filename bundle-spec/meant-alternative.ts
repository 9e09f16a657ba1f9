import type { z } from 'zod';
import { nearName } from './near-name.ts';
import { alternativesOf, type Shape, shapeOf } from './schema-words.ts';

/** One alternative of a union and why a value is not that. */
export interface Alternative {
  readonly schema: z.ZodType;
  readonly shape: Shape | undefined;
  readonly issues: readonly z.core.$ZodIssue[];
}

export function unionAlternatives(issue: z.core.$ZodIssueInvalidUnion, union: z.ZodType): Alternative[] {
  return alternativesOf(union).map((schema, index) => ({ schema, shape: shapeOf(schema), issues: issue.errors[index] ?? [] }));
}

/**
 * The alternative that the writer of `value` clearly meant, undefined if none is: for a mapping the one that has most of its
 * fields, for anything else the one of the right type.
 */
export function meantAlternative(alternatives: readonly Alternative[], value: unknown): Alternative | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const fitting = alternatives.filter(
      ({ issues }) => !issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0),
    );
    return fitting.length === 1 ? fitting[0] : undefined;
  }
  const mappings = alternatives.filter(({ shape }) => shape !== undefined);
  if (mappings.length === 1) return mappings[0];
  const scores = mappings.map(({ shape }) => likeness(Object.keys(value), Object.keys(shape ?? {})));
  const best = Math.max(...scores);
  const isClear = best > 0 && scores.indexOf(best) === scores.lastIndexOf(best);
  return isClear ? mappings[scores.indexOf(best)] : undefined;
}

/** Issues about fields that `value` does not have, unless another of its keys looks like a misspelling of them. */
export function missingFields({ shape = {}, issues }: Alternative, value: unknown): z.core.$ZodIssue[] {
  if (typeof value !== 'object' || value === null) return [];
  const names = Object.keys(shape);
  const misspelled = Object.keys(value)
    .filter((key) => !names.includes(key))
    .map((key) => nearName(key, names));
  return issues.filter(({ path: [name, ...deeper] }) => {
    return typeof name === 'string' && deeper.length === 0 && !Object.hasOwn(value, name) && !misspelled.includes(name);
  });
}

/** A field that is known counts one, a misspelled one half. */
function likeness(keys: readonly string[], names: readonly string[]): number {
  let score = 0;
  for (const key of keys) {
    if (names.includes(key)) score += 1;
    else if (nearName(key, names) !== undefined) score += 0.5;
  }
  return score;
}
