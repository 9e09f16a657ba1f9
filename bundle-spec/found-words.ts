import type { LocatedYaml, Path } from './located-yaml.ts';
import { keyWords } from './problem.ts';

const credential = /pass|pwd|token|secret|credential|auth|api-?_?key|private-?_?key/i;

/** The value at `path`, undefined where there is none. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

/**
 * What stands at `path`, in words: `"Shop"`, `the number 1.30`, `{ repo, name }`. Scalars under a key that could hold a
 * credential, and what stands before the `@` of a URL, are never shown.
 */
export function foundWords(located: LocatedYaml, path: Path): string {
  const value = valueAt(located.value, path);
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') return mappingWords(Object.keys(value));
  const isSecret = path.some((step) => typeof step === 'string' && credential.test(step));
  if (isSecret) return `${typeof value === 'string' ? 'text' : `a ${typeof value}`} that is not shown`;
  if (typeof value === 'string') return textWords(value);
  return plainWords(value, located.written(path));
}

/** What to do about a number or boolean that should have been text; empty for other values. */
export function quoteAdvice(located: LocatedYaml, path: Path): string {
  const value = valueAt(located.value, path);
  const written = located.written(path);
  if ((typeof value !== 'number' && typeof value !== 'boolean') || written === undefined) return '';
  const isShown = foundWords(located, path).includes(written);
  return isShown ? `; write it in quotes: "${written}"` : '; write it in quotes';
}

function mappingWords(keys: readonly string[]): string {
  if (keys.length === 0) return 'an empty mapping';
  const shown = keys.slice(0, 8).map((key) => (/^[-\w.]+$/.test(key) ? key : JSON.stringify(keyWords(key))));
  return `{ ${shown.join(', ')}${keys.length > shown.length ? ', …' : ''} }`;
}

function textWords(text: string): string {
  const shown = text.replace(/(\/\/)[^/@\s]*@/, '$1…@');
  return JSON.stringify(shown.length > 60 ? `${shown.slice(0, 60)}…` : shown);
}

function plainWords(value: unknown, written: string | undefined): string {
  const kind = typeof value === 'number' ? 'the number ' : '';
  if (written === undefined || written === String(value)) return `${kind}${value}`;
  return `${kind}${written} (which YAML reads as ${value})`;
}
