import type { Path } from '../values-path.ts';
import type { ValueTest } from './value-test.ts';

/** What has to hold for a part of a template to render, as far as the template tells. */
export type Condition =
  | { readonly kind: 'always' | 'never' | 'unknown' }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'and' | 'or'; readonly all: readonly Condition[] }
  | { readonly kind: 'value'; readonly path: Path; readonly test: ValueTest }
  | { readonly kind: 'api'; readonly version: string }
  /** The cluster's version lies in the range. */
  | { readonly kind: 'kubernetes'; readonly range: string };

/** What holds without a question, what never does, and what the template does not tell. */
export const always: Condition = { kind: 'always' };
export const never: Condition = { kind: 'never' };
export const unknown: Condition = { kind: 'unknown' };

/** A condition that is known already. */
export function truth(value: boolean): Condition {
  return value ? always : never;
}

/** The opposite; a negation of a negation is the condition itself. */
export function not(of: Condition): Condition {
  if (of.kind === 'always') return never;
  if (of.kind === 'never') return always;
  if (of.kind === 'unknown') return of;
  if (of.kind === 'not') return of.of;
  const negation = negations.get(of) ?? { kind: 'not', of };
  negations.set(of, negation);
  return negation;
}

// The same object for the same condition, so that what is known about it is found again.
const negations = new WeakMap<Condition, Condition>();

/** All of them, without repeats; `never` where two of them exclude each other. */
export function and(...all: readonly Condition[]): Condition {
  return combined('and', all, always, never);
}

/** One of them at least, without repeats; `always` where one is the opposite of another. */
export function or(...all: readonly Condition[]): Condition {
  return combined('or', all, never, always);
}

function combined(kind: 'and' | 'or', all: readonly Condition[], neutral: Condition, deciding: Condition): Condition {
  if (all.includes(deciding) || all.some((one) => one.kind === 'not' && all.includes(one.of))) return deciding;
  const rest = [...new Set(all)].filter((condition) => condition !== neutral);
  const [only] = rest;
  if (only === undefined) return neutral;
  return rest.length === 1 ? only : { kind, all: rest };
}

/** The value at `path` passes the test. */
export function testOf(path: Path, test: ValueTest): Condition {
  return { kind: 'value', path, test };
}
