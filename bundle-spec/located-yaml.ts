import { YAMLException } from 'js-yaml';
import { indentFlowLines } from './flow-indentation.ts';
import { composeYaml, type DuplicateKey, type Place } from './yaml-composer.ts';

/** 1-based, as editors count. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export type Path = readonly (string | number)[];

/** One YAML document and where everything in it stands. */
export interface LocatedYaml {
  readonly value: unknown;
  /** Keys given more than once; the last one won. */
  readonly duplicates: readonly DuplicateKey[];
  /**
   * Where the value at `path` begins: a scalar or flow value at its first character, a block mapping, list or text at its key.
   * For a path that is not in the document: the nearest ancestor that is.
   */
  readonly at: (path: Path) => Position;
  /** Where the last key of `path` stands; for list items as `at`. */
  readonly atKey: (path: Path) => Position;
  /** The unquoted scalar at `path` as it is written, such as `1.30` for the number 1.3. */
  readonly written: (path: Path) => string | undefined;
  readonly positionOf: (offset: number) => Position;
}

/**
 * The one document of a YAML text, read by the rules of helm (`resolvePlain`), with positions from the same parse. A text without
 * a document has the value undefined. Throws js-yaml's YAMLException, with its `mark`, for what is no YAML or holds several documents.
 */
export function parseLocatedYaml(text: string, file: string): LocatedYaml {
  const { documents, places, duplicates } = composeYaml(text, file);
  if (documents.length > 1) YAMLException.throwAt(text, lastDocument(text), 'one document is accepted, found several', file);
  const value = documents[0];
  const find = (path: Path): { readonly place: Place | undefined; readonly exact: boolean } => {
    let place: Place | undefined;
    let parent = value;
    for (const step of path) {
      const member = isCollection(parent) ? places.get(parent)?.get(step) : undefined;
      if (member === undefined) return { place, exact: false };
      if (member.value !== -1 || member.key !== -1) place = member;
      parent = (parent as Record<string | number, unknown>)[step];
    }
    return { place, exact: true };
  };
  const lineStarts = startsOfLines(text);
  const positionOf = (offset: number): Position => positionIn(lineStarts, offset);
  return {
    value,
    duplicates,
    positionOf,
    at: (path) => {
      const { place } = find(path);
      return positionOf(firstSet(place?.value, place?.key));
    },
    atKey: (path) => {
      const { place, exact } = find(path);
      return positionOf(exact ? firstSet(place?.key, place?.value) : firstSet(place?.value, place?.key));
    },
    written: (path) => {
      const { place, exact } = find(path);
      return exact && place !== undefined && place.end > place.value ? text.slice(place.value, place.end) : undefined;
    },
  };
}

/**
 * Every document of a text (null for an empty one), read as helm and Kubernetes read values and manifests: YAML 1.1 by the rules of
 * go-yaml (`resolvePlain`), the last of duplicate keys wins, a plain `=` is text, `[ ]` and `{ }` may be indented less than their key.
 * Throws js-yaml's YAMLException, with its `mark`.
 */
export function parseYaml11(text: string, file = ''): unknown[] {
  return indentFlowLines(text, (indented) => composeYaml(indented, file).documents);
}

/**
 * The value of a JSON text by the rules of JSON (which YAML reads differently here and there), with positions that are looked
 * up only when asked for. Throws YAMLException.
 */
export function parseLocatedJson(text: string, file: string): LocatedYaml {
  const value = parseJson(text, file);
  let located: LocatedYaml | undefined;
  const positions = (): LocatedYaml => {
    located ??= parseLocatedYaml(text, file);
    return located;
  };
  return {
    value,
    duplicates: [],
    at: (path) => positions().at(path),
    atKey: (path) => positions().atKey(path),
    written: (path) => positions().written(path),
    positionOf: (offset) => positions().positionOf(offset),
  };
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Without the words of JSON.parse: they quote the text.
    return YAMLException.throwAt(text, 0, 'expected JSON', file);
  }
}

function isCollection(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function firstSet(...offsets: readonly (number | undefined)[]): number {
  return offsets.find((offset) => offset !== undefined && offset !== -1) ?? 0;
}

function lastDocument(text: string): number {
  const markers = [...text.matchAll(/^---(?=\s|$)/gm)];
  return markers.at(-1)?.index ?? 0;
}

function startsOfLines(text: string): number[] {
  const starts = [0];
  for (const match of text.matchAll(/\r\n|\n|\r/g)) starts.push(match.index + match[0].length);
  return starts;
}

function positionIn(lineStarts: readonly number[], offset: number): Position {
  const line = lineStarts.findLastIndex((start) => start <= offset);
  return { line: line + 1, column: offset - (lineStarts[line] ?? 0) + 1 };
}
