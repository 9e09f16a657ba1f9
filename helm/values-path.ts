/** A place in values or in a rendered object: keys of maps and indexes of lists, outermost first. */
export type Path = readonly (string | number)[];

/** `path` in helm's `--set` syntax: `a.b[0].c\.d`. The empty path is the empty string. */
export function formatPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += `${text === '' ? '' : '.'}${step.replace(/[\\.[\],={}]/g, '\\$&')}`;
  }
  return text;
}

/** Reads helm's `--set` syntax. `undefined` when `text` is none: an empty key, an index that is no number. */
export function parsePath(text: string): Path | undefined {
  const path: (string | number)[] = [];
  const step = /(?:\[(\d+)\])|(?:(^|\.)((?:\\.|[^\\.[\]])+))/gy;
  while (step.lastIndex < text.length) {
    const found = step.exec(text);
    if (found === null) return undefined;
    const [, index, dot, key] = found;
    if (index !== undefined) path.push(Number(index));
    else if (key !== undefined && (dot === '.') === path.length > 0) path.push(key.replace(/\\(.)/g, '$1'));
    else return undefined;
  }
  return path.length === 0 ? undefined : path;
}

/** What stands at `path` in `value`; `undefined` where the way ends early. */
export function getAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = Object.hasOwn(current, step) ? (current as Record<string | number, unknown>)[step] : undefined;
  }
  return current;
}

/** True for maps as YAML and JSON have them; lists and null are none. */
export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
