import type { Edit } from './overrides.ts';
import { parsePath } from './values-path.ts';

/**
 * Reads `a.b=c,d[0]=true` as `helm --set` does, with lists and maps as JSON: what `formatGate` writes before the first API version.
 * `undefined` when `text` is none of it.
 */
export function parseSettings(text: string): Edit[] | undefined {
  const edits: Edit[] = [];
  for (const part of splitSettings(text)) {
    const equals = /(?<!\\)=/.exec(part)?.index;
    const path = equals === undefined ? undefined : parsePath(part.slice(0, equals));
    if (equals === undefined || path === undefined) return undefined;
    edits.push({ path, value: readValue(part.slice(equals + 1)) });
  }
  return edits.length === 0 ? undefined : edits;
}

const nesting: Readonly<Record<string, number>> = { '[': 1, '{': 1, ']': -1, '}': -1 };

/** Splits at the commas that stand outside of JSON and are not escaped. */
function splitSettings(text: string): string[] {
  const parts = [''];
  let depth = 0;
  let inText = false;
  for (const token of text.match(/\\.|[\s\S]/g) ?? []) {
    const isValue = (parts.at(-1) ?? '').includes('=');
    if (token === '"' && isValue) inText = !inText;
    if (!inText && isValue) depth += nesting[token] ?? 0;
    if (token === ',' && depth <= 0 && !inText) parts.push('');
    else parts[parts.length - 1] += token;
  }
  return parts;
}

/** Numbers that are no whole ones stay text, as with helm. */
function readValue(text: string): unknown {
  if (/^(?:true|false|null|0|-?[1-9]\d{0,14}|["[{][\s\S]*)$/.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      // helm takes it as text too
    }
  }
  return text.replace(/\\(.)/g, '$1');
}
