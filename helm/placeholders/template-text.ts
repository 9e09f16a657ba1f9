import { isMap, type Path } from '../values-path.ts';

/** A block of a template that stands around a place, and what decides about it. */
interface Block {
  readonly kind: string;
  /** Its condition, and those of the branches before. */
  readonly expressions: string[];
  readonly variables: Map<string, string>;
}

/** What is around one place of a template, innermost first. */
export interface Surroundings {
  readonly conditions: readonly string[];
  /** What `.` is there: the expression of the `with` or `range` around it. */
  readonly dot: string | undefined;
  readonly variables: ReadonlyMap<string, string>;
}

/** The blocks around `offset`, read from the actions before it; a `define` ends the way out. */
export function surroundingsOf(template: string, offset: number): Surroundings {
  let stack: readonly Block[] = [newBlock('file')];
  for (const match of template.slice(0, offset).matchAll(/\{\{-?\s*(?:\/\*[\s\S]*?\*\/|([\s\S]*?))\s*-?\}\}/g)) {
    stack = follow(stack, match[1] ?? '');
  }
  return gather(stack);
}

function follow(stack: readonly Block[], action: string): readonly Block[] {
  const [, word = '', rest = ''] = /^(if|with|range|define|block|else|end)\b\s*([\s\S]*)$/.exec(action) ?? [];
  const next = enter(stack, word, rest);
  const [, name, value = ''] = /^\s*(?:\$\w+\s*,\s*)?(\$\w+)\s*:?=\s*([\s\S]+)$/.exec(word === '' ? action : rest) ?? [];
  if (name !== undefined) next.at(-1)?.variables.set(name, value);
  return next;
}

function enter(stack: readonly Block[], word: string, rest: string): readonly Block[] {
  if (word === '') return stack;
  if (word === 'end') return stack.length > 1 ? stack.slice(0, -1) : stack;
  if (word === 'define' || word === 'block') return [newBlock('file'), newBlock('define')];
  if (word !== 'else') return [...stack, newBlock(word, rest)];
  stack.at(-1)?.expressions.push(rest);
  return stack;
}

function newBlock(kind: string, expression?: string): Block {
  return { kind, expressions: expression === undefined ? [] : [expression], variables: new Map() };
}

function gather(stack: readonly Block[]): Surroundings {
  const inner = stack.toReversed();
  return {
    conditions: inner.filter(({ kind }) => kind === 'if').flatMap(({ expressions }) => expressions.toReversed()),
    dot: inner.find(({ kind }) => kind === 'with' || kind === 'range')?.expressions.at(0),
    variables: new Map(stack.flatMap(({ variables }) => [...variables])),
  };
}

/** The values paths that an expression names, in its order, variables and `.` followed to where they come from. */
export function valuesPathsIn(expression: string, around: Surroundings, depth = 0): Path[] {
  const found =
    depth > 4 ? [] : [...direct(expression), ...ofVariables(expression, around, depth), ...ofDot(expression, around, depth)];
  return found.sort((a, b) => a.at - b.at).map(({ path }) => path);
}

interface Mention {
  readonly at: number;
  readonly path: Path;
}

function direct(expression: string): Mention[] {
  const mentions = expression.matchAll(/[.$]Values((?:\.[A-Za-z_]\w*)*)((?:\s+"[^"]+")*)/g);
  return [...mentions].flatMap(({ index, 1: keys = '', 2: more }) => {
    const path = [...keysOf(keys), ...quotedKeys(expression, index, more)];
    return path.length === 0 ? [] : [{ at: index, path }];
  });
}

function ofVariables(expression: string, around: Surroundings, depth: number): Mention[] {
  return [...expression.matchAll(/(\$\w+)((?:\.[A-Za-z_]\w*)*)/g)].flatMap(({ index, 1: name = '', 2: keys = '' }) => {
    const value = keys.startsWith('.Values') ? undefined : around.variables.get(name);
    const [path] = value === undefined ? [] : valuesPathsIn(value, around, depth + 1);
    return path === undefined ? [] : [{ at: index, path: [...path, ...keysOf(keys)] }];
  });
}

function ofDot(expression: string, around: Surroundings, depth: number): Mention[] {
  const { dot } = around;
  if (dot === undefined) return [];
  const [path] = valuesPathsIn(dot, { ...around, dot: undefined }, depth + 1);
  if (path === undefined) return [];
  return [...expression.matchAll(/(?<![\w)$"\]])((?:\.[A-Za-z_]\w*)+)/g)].flatMap(({ index, 1: keys = '' }) =>
    /^\.(?:Values|Chart|Release|Capabilities|Template|Files)\b/.test(keys)
      ? []
      : [{ at: index, path: [...path, ...keysOf(keys)] }],
  );
}

function keysOf(dotted: string): string[] {
  return dotted.split('.').filter((key) => key !== '');
}

/** `index .Values "a" "b"`, `get .Values.a "b"`. */
function quotedKeys(expression: string, at: number, more: string | undefined): string[] {
  if (more === undefined || !/(?:index|get)\s+\(?\$?$/.test(expression.slice(0, at))) return [];
  return [...more.matchAll(/"([^"]+)"/g)].map(([, key = '']) => key);
}

/** Offset of a line in a text, both counted from 1 and 0. */
export function offsetOfLine(text: string, line: number): number {
  return (
    text
      .split('\n')
      .slice(0, line - 1)
      .join('\n').length + (line > 1 ? 1 : 0)
  );
}

/** True for what a template may take as not given. */
export function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true;
  return Array.isArray(value) ? value.length === 0 : isMap(value) && Object.keys(value).length === 0;
}
