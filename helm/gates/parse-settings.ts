import type { Edit } from '../overrides.ts';
import { parsePath } from '../values-path.ts';
import { isText } from './setting-text.ts';

/**
 * Reads `a.b=c,d[0]=true,e={x,y}` as `helm --set` does, and besides lists, maps and quoted texts as JSON. `undefined` when `text` is none
 * of it.
 */
export function parseSettings(text: string): Edit[] | undefined {
  return parseWith(text, readValue);
}

/** The same for `--set-string`: every value is a text. */
export function parseTextSettings(text: string): Edit[] | undefined {
  return parseWith(text, unescaped);
}

/** The same for `--set-json`: every value is JSON; `undefined` when one is not. */
export function parseJsonSettings(text: string): Edit[] | undefined {
  try {
    return parseWith(text, JSON.parse);
  } catch {
    return undefined;
  }
}

function parseWith(text: string, read: (text: string) => unknown): Edit[] | undefined {
  const edits: Edit[] = [];
  for (const part of splitSettings(text)) {
    const equals = /^(?:\\[\s\S]|[^\\=])*(?==)/.exec(part)?.[0].length;
    const path = equals === undefined ? undefined : parsePath(part.slice(0, equals));
    if (equals === undefined || path === undefined) return undefined;
    edits.push({ path, value: read(part.slice(equals + 1)) });
  }
  return edits.length === 0 ? undefined : edits;
}

/** One setting: JSON and lists of helm, which begin right behind the "=", up to where they close. */
const setting = /(?:\\[\s\S]|[^\\=,])*(?:=(?:(?=[[{"])(?<nested>[\s\S]*)|(?:\\[\s\S]|[^\\,])*))?/y;

/** Splits at the commas that stand outside of JSON and of helm's lists and are not escaped. */
function splitSettings(text: string): string[] {
  const parts: string[] = [];
  for (let start = 0; start <= text.length; start += (parts.at(-1) ?? '').length + 1) {
    setting.lastIndex = start;
    const found = setting.exec(text);
    const nested = found?.groups?.nested;
    const whole = found?.[0] ?? '';
    parts.push(nested === undefined ? whole : whole.slice(0, whole.length - nested.length + nestedLength(nested)));
  }
  return parts;
}

const nesting: Readonly<Record<string, number>> = { '[': 1, '{': 1, ']': -1, '}': -1 };

/** Characters up to the comma behind the value that `text` begins with. */
function nestedLength(text: string): number {
  let length = 0;
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:\\[\s\S]|[^\\"])*"?|\\[\s\S]|[\s\S]/g)) {
    depth += nesting[token] ?? 0;
    if (token === ',' && depth <= 0) break;
    length += token.length;
  }
  return length;
}

/** Numbers that are no whole ones stay text, as with helm. */
function readValue(text: string): unknown {
  if (/^["[{]/.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      const list = /^\{([\s\S]*)\}$/.exec(text)?.[1];
      return list === undefined ? unescaped(text) : (list.match(/(?:\\[\s\S]|[^\\,])+/g) ?? ['']).map(readScalar);
    }
  }
  return readScalar(text);
}

function readScalar(text: string): unknown {
  const plain = unescaped(text);
  if (isText(plain)) return plain;
  if (/^[a-z]/i.test(plain)) return JSON.parse(plain.toLowerCase());
  return Number.isSafeInteger(Number(plain)) ? Number(plain) : plain;
}

function unescaped(text: string): string {
  return text.replace(/\\([\s\S])/g, '$1');
}
