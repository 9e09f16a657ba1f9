import type { ObjectPath } from './payload.ts';
import { formatPath, type Path } from './values-path.ts';

/** What a template printed, to find the line that did it. */
export interface Printed {
  /** The reference as it stands in the object. */
  readonly text: string;
  readonly path: ObjectPath;
  /** Values paths that control it, outermost key first; those of a subchart begin with its name. */
  readonly valuesPaths: readonly Path[];
}

/**
 * The number of the line in a template's `source` that prints a reference, from 1, as far as the text tells: the literal, else the value
 * named on a line with the place's own key, else the key, else the value anywhere. `undefined` when none of it stands there.
 */
export function findTemplateLine(source: string, { text, path, valuesPaths }: Printed): number | undefined {
  const lines = source.split('\n');
  const key = keyOf(path);
  const hasKey = (line: string): boolean => key !== undefined && hasWord(line, `${key}:`);
  const values = valuesPaths.flatMap(spellingsOf);
  const tests: ((line: string) => boolean)[] = [
    (line) => line.includes(text),
    (line) => line.includes(nameOf(text)),
    ...values.map((spelling) => (line: string) => hasKey(line) && hasWord(line, spelling)),
    (line) => hasKey(line) && line.includes('{{'),
    hasKey,
    ...values.map((spelling) => (line: string) => hasWord(line, spelling)),
  ];
  for (const test of tests) {
    const index = lines.findIndex((line) => !/^\s*#/.test(line) && test(line));
    if (index >= 0) return index + 1;
  }
  return undefined;
}

/** The innermost key of the object: of a list's item, the list's. */
function keyOf(path: ObjectPath): string | undefined {
  return path.findLast((step) => typeof step === 'string');
}

/** The reference without tag and digest; as long as a part of it is likely to stand in a template. */
function nameOf(text: string): string {
  const name = text.replace(/@.*$/, '').replace(/:[^:/]*$/, '');
  return name.includes('/') ? name : text;
}

/** How a template may name the value: a subchart without its own name in front, a helper by the map that holds it. Longest first. */
function spellingsOf(path: Path): string[] {
  const keys = path.slice(0, path.findIndex((step) => typeof step === 'number') >>> 0);
  const spellings: string[] = [];
  for (const start of keys.keys()) {
    for (let end = keys.length; end > start; end -= 1) spellings.push(`.Values.${formatPath(keys.slice(start, end))}`);
  }
  return spellings.toSorted((a, b) => b.length - a.length);
}

function hasWord(line: string, word: string): boolean {
  const at = line.indexOf(word);
  if (at < 0) return false;
  return !/[\w-]/.test(line[at - 1] ?? '') && (word.endsWith(':') || !/[\w-]/.test(line[at + word.length] ?? ''));
}
