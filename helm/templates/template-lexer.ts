/** A token inside an action, as Go's text/template cuts it. */
export interface TemplateToken {
  readonly kind: 'text' | 'number' | 'field' | 'variable' | 'word' | 'dot' | 'mark';
  /** Unquoted for texts, without the dot for fields. */
  readonly text: string;
  /** Space stands in front of it: `.a .b` is two operands, `.a.b` is one. */
  readonly spaced: boolean;
}

/** Plain text or one action of a template, in the order they stand. */
export type TemplatePiece =
  | { readonly kind: 'plain'; readonly text: string; readonly line: number }
  | { readonly kind: 'action'; readonly tokens: readonly TemplateToken[]; readonly line: number };

/** Thrown for a text that is no Go template. Callers catch it: such a file has no gates to tell. */
export class TemplateSyntaxError extends Error {
  override readonly name = 'TemplateSyntaxError';
}

const tokenShape =
  /(?<space>\s+)|(?<comment>\/\*[\s\S]*?\*\/)|(?<end>-?\}\})|(?<quoted>"(?:\\[\s\S]|[^"\\])*")|(?<raw>`[^`]*`)|(?<rune>'(?:\\.|[^'\\])+')|(?<number>[+-]?(?:0[xX][\da-fA-F_]+|0[bBoO][\d_]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+))|(?<field>\.[\p{L}_][\p{L}\p{N}_]*)|(?<variable>\$[\p{L}\p{N}_]*)|(?<word>[\p{L}_][\p{L}\p{N}_]*)|(?<dot>\.)|(?<mark>:=|[=|(),])/uy;

/** Cuts a template into plain text and actions; comments are dropped and trim markers obeyed. Throws TemplateSyntaxError. */
export function lexTemplate(source: string): TemplatePiece[] {
  const pieces: TemplatePiece[] = [];
  const lines = lineCounter(source);
  let offset = 0;
  let trimStart = false;
  while (offset < source.length) {
    const open = source.indexOf('{{', offset);
    const text = source.slice(offset, open === -1 ? source.length : open);
    const trimEnd = open !== -1 && /^\{\{-\s/.test(source.slice(open, open + 4));
    const plain = trimmed(text, trimStart, trimEnd);
    if (plain !== '') pieces.push({ kind: 'plain', text: plain, line: lines(offset + text.indexOf(plain)) });
    if (open === -1) break;
    const action = lexAction(source, open + (trimEnd ? 3 : 2));
    if (action.tokens.length > 0) pieces.push({ kind: 'action', tokens: action.tokens, line: lines(open) });
    trimStart = action.trims;
    offset = action.end;
  }
  return pieces;
}

function trimmed(text: string, start: boolean, end: boolean): string {
  const front = start ? text.trimStart() : text;
  return end ? front.trimEnd() : front;
}

interface Action {
  readonly tokens: readonly TemplateToken[];
  readonly end: number;
  readonly trims: boolean;
}

function lexAction(source: string, start: number): Action {
  const tokens: TemplateToken[] = [];
  let spaced = false;
  tokenShape.lastIndex = start;
  for (let match = tokenShape.exec(source); match !== null; match = tokenShape.exec(source)) {
    const groups = match.groups ?? {};
    if (groups.end !== undefined) return { tokens, end: tokenShape.lastIndex, trims: groups.end.startsWith('-') };
    if (groups.space !== undefined || groups.comment !== undefined) {
      spaced = true;
      continue;
    }
    tokens.push({ ...tokenOf(groups), spaced });
    spaced = false;
  }
  throw new TemplateSyntaxError('an action does not end');
}

function tokenOf(groups: Readonly<Record<string, string | undefined>>): Omit<TemplateToken, 'spaced'> {
  if (groups.quoted !== undefined) return { kind: 'text', text: unquoted(groups.quoted) };
  if (groups.raw !== undefined) return { kind: 'text', text: groups.raw.slice(1, -1) };
  if (groups.rune !== undefined) return { kind: 'number', text: String(groups.rune.codePointAt(1) ?? 0) };
  if (groups.number !== undefined) return { kind: 'number', text: groups.number.replaceAll('_', '') };
  if (groups.field !== undefined) return { kind: 'field', text: groups.field.slice(1) };
  if (groups.variable !== undefined) return { kind: 'variable', text: groups.variable };
  if (groups.word !== undefined) return { kind: 'word', text: groups.word };
  return groups.dot === undefined ? { kind: 'mark', text: groups.mark ?? '' } : { kind: 'dot', text: '.' };
}

/** Go's escapes are JSON's but for a few that no chart needs; those stay as they are written. */
function unquoted(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text.slice(1, -1);
  }
}

/** Line of an offset, 1-based; offsets have to grow. */
function lineCounter(source: string): (offset: number) => number {
  let line = 1;
  let seen = 0;
  return (offset) => {
    for (; seen < offset; seen += 1) if (source.charCodeAt(seen) === 10) line += 1;
    return line;
  };
}
