import type { Path } from '../values-path.ts';

/** Words that the comment at a value names as choices for it. */
export interface NamedChoices {
  readonly path: Path;
  readonly words: readonly string[];
}

const word = /["'`]?([A-Za-z][\w.-]{0,39})["'`]?/;
const listed = new RegExp(`${word.source}(?:(?:\\s*[,|/]\\s*(?:or\\s+|and\\s+)?|\\s+or\\s+)${word.source})+`);
const introduced =
  /(?:one of|options?|choices|(?:valid|possible|allowed|supported|available|accepted|permitted)\s+(?:values|options|modes|types|choices|backends|engines))\b[^:=\n]{0,30}?(?:\s+are|\s+is)?\s*[:=]?\s*[[({]?\s*/i;
const quotedPair = /["'`][\w.-]+["'`](?:(?:\s*[,|/]\s*(?:or\s+|and\s+)?|\s+or\s+)["'`][\w.-]+["'`])+/;

/** A key with the comments right above it, its value and the comment behind it. */
const entry = /((?:^[ \t]*#.*\n)*)^( *)([A-Za-z][\w.-]*):(?:[ \t]+([^#\s][^#\n]*?)?)?(?:[ \t]+#(.*))?$/gm;

/**
 * The choices that the comments of a values.yaml name beside its texts: `# one of: standalone, cluster`, `# "a" or "b"`. Only block style is
 * read, line by line; a comment stands above its key or behind it.
 */
export function choicesInComments(text: string): NamedChoices[] {
  const found: NamedChoices[] = [];
  const open: { readonly indent: number; readonly key: string }[] = [];
  for (const [, above = '', indent = '', key = '', value = '', behind = ''] of text.matchAll(entry)) {
    while ((open.at(-1)?.indent ?? -1) >= indent.length) open.pop();
    open.push({ indent: indent.length, key });
    const isText = value !== '' && !/^[[{&*|>]/.test(value);
    const words = isText ? wordsIn(`${above.replace(/^\s*#+\s?(?:--\s)?/gm, '').slice(-600)}\n${behind}`) : [];
    if (words.length > 1) found.push({ path: open.map((one) => one.key), words });
  }
  return found;
}

function wordsIn(comment: string): string[] {
  const start = introduced.exec(comment);
  const rest = start === null ? '' : comment.slice(start.index + start[0].length);
  const list = new RegExp(`^${listed.source}`).exec(rest)?.[0] ?? quotedPair.exec(comment)?.[0] ?? '';
  const words = list.split(/\s*[,|/]\s*|\s+or\s+|\s+and\s+|\s+/).map((one) => one.replace(/["'`]/g, '').replace(/[.]$/, ''));
  return [...new Set(words)].filter((one) => /^[\w.-]+$/.test(one) && !/^(?:or|and|true|false|the|a|an)$/i.test(one));
}
