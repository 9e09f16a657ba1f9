import { YAMLException } from 'js-yaml';

/**
 * Parses a text whose lines inside `[ ]`, `{ }` or quotes may be indented less than their key, as `toPrettyJson` in a template
 * writes them: go-yaml takes that, js-yaml stops. Such lines get spaces in front, which mean nothing there, and the text is
 * parsed again: as many lines at a time as prove right. Every other error of `parse` passes through.
 */
export function indentFlowLines<T>(text: string, parse: (text: string) => T): T {
  let lines: readonly string[] = text.split('\n');
  const spaces = ' '.repeat(deepestIndentation(lines) + 1);
  let attempt = tryParse(text, parse);
  let count = 1;
  while (!('value' in attempt)) {
    if ('error' in attempt) throw attempt.error;
    const indented = withSpaces(lines, spaces, attempt.shallowLine, count);
    const next = tryParse(indented.join('\n'), parse);
    const isRight = 'value' in next || ('shallowLine' in next && next.shallowLine >= attempt.shallowLine + count);
    if (!isRight && count > 1) {
      count = Math.floor(count / 2);
      continue;
    }
    if (!isRight && 'shallowLine' in next) throw next.cause;
    lines = indented;
    attempt = next;
    count *= 2;
  }
  return attempt.value;
}

/** `shallowLine` (0-based) is the first line that js-yaml finds indented too little. */
type Attempt<T> = { readonly value: T } | { readonly shallowLine: number; readonly cause: unknown } | { readonly error: unknown };

function tryParse<T>(text: string, parse: (text: string) => T): Attempt<T> {
  try {
    return { value: parse(text) };
  } catch (error) {
    const line = error instanceof YAMLException && error.reason === 'deficient indentation' ? error.mark?.line : undefined;
    return line === undefined ? { error } : { shallowLine: line, cause: error };
  }
}

function withSpaces(lines: readonly string[], spaces: string, from: number, count: number): string[] {
  return lines.map((line, index) => (index >= from && index < from + count ? spaces + line : line));
}

/** In columns, `-` and `?` of nested lists counted. */
function deepestIndentation(lines: readonly string[]): number {
  return lines.reduce((deepest, line) => Math.max(deepest, line.length - line.replace(/^[ ?-]+/, '').length), 0);
}
