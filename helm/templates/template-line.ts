import type { ObjectPath } from '../references/payload.ts';
import { formatPath, type Path } from '../values-path.ts';

/** What a template printed, to find the line that did it. */
export interface Printed {
  /** The reference as it stands in the object. */
  readonly text: string;
  readonly path: ObjectPath;
  /** Values paths that control it, outermost key first; those of a subchart begin with its name. */
  readonly valuesPaths: readonly Path[];
  /** What stands beside it in the object: the flag in front of it, the name of its variable. Default nothing. */
  readonly mark?: string;
}

/** A line of a file, from 1. */
export interface TemplateLine {
  readonly file: string;
  readonly line: number;
}

/**
 * The line that prints a reference, as far as the text tells: in the template itself, else in the named templates that it includes. The
 * literal is certain; a line that names the value, that sets the place's own key, or that shares words with the image's name is likely.
 * `sources` are the files of a chart by the names that helm gives them. `undefined` when nothing points to a line.
 */
export function findTemplateLine(
  sources: ReadonlyMap<string, string>,
  template: string,
  printed: Printed,
): TemplateLine | undefined {
  const clues = cluesOf(printed);
  const own = bestLine({ file: template, first: 1, text: sources.get(template) ?? '' }, clues);
  if (own !== undefined && own.score >= likely) return { file: own.file, line: own.line };
  const helpers = includedBlocks(sources, sources.get(template) ?? '').flatMap((block) => bestLine(block, clues) ?? []);
  const [best] = [...(own === undefined ? [] : [own]), ...helpers].toSorted((a, b) => b.score - a.score);
  return best === undefined ? undefined : { file: best.file, line: best.line };
}

/** What a line is looked over for. */
interface Clues {
  readonly text: string;
  /** The reference without tag and digest. */
  readonly name: string;
  /** The innermost key of the place; absent for an item of a list, which stands on a line of its own. */
  readonly key: string | undefined;
  /** How templates may name the values, longest first. */
  readonly values: readonly string[];
  readonly words: readonly string[];
  readonly mark: string | undefined;
}

/** The score from which on no other file is looked into. */
const likely = 100;

/** A key is often set from what the lines above it prepare, or name. */
const linesAbove = 3;

function scoreOf(lines: readonly string[], index: number, clues: Clues): number {
  const line = lines[index] ?? '';
  if (/^\s*#/.test(line)) return 0;
  const isMarked = lines.slice(Math.max(0, index - linesAbove), index + 1).some((other) => hasMark(other, clues));
  if (line.includes(clues.text)) return isMarked ? 1050 : 1000;
  if (line.includes(clues.name)) return isMarked ? 950 : 900;
  const isMade = line.includes('{{');
  if (clues.key === undefined || !hasWord(line, `${clues.key}:`)) return hints(line, clues);
  const above = lines.slice(Math.max(0, index - linesAbove), index).map((other) => hints(other, clues));
  return (isMade ? 200 : 1) + hints(line, clues) + Math.max(0, ...above) / 2;
}

function hints(line: string, clues: Clues): number {
  const { values, words } = clues;
  const marked = hasMark(line, clues) ? 300 : 0;
  if (!line.includes('{{')) return marked;
  const value = values.find((spelling) => hasWord(line, spelling));
  const lower = line.toLowerCase();
  const shared = words.filter((word) => lower.includes(word)).length;
  return marked + (value === undefined ? 0 : 100 + value.length) + shared * 10;
}

function hasMark(line: string, { mark }: Clues): boolean {
  return mark !== undefined && hasWord(line, mark);
}

interface Block {
  readonly file: string;
  /** Number of its first line. */
  readonly first: number;
  readonly text: string;
}

function bestLine({ file, first, text }: Block, clues: Clues): (TemplateLine & { readonly score: number }) | undefined {
  let best: (TemplateLine & { readonly score: number }) | undefined;
  const lines = text.split('\n');
  for (const index of lines.keys()) {
    const score = scoreOf(lines, index, clues);
    if (score > (best?.score ?? 0)) best = { file, line: first + index, score };
  }
  return best;
}

/** The named templates that a template includes, and those that they include. */
function includedBlocks(sources: ReadonlyMap<string, string>, source: string): Block[] {
  const blocks = new Map<string, Block>();
  for (const [file, text] of sources) {
    for (const part of file.includes('/templates/')
      ? text.matchAll(/\{\{-?\s*define\s+"([^"]+)"[\s\S]*?(?=\{\{-?\s*define\s|$)/g)
      : []) {
      blocks.set(part[1] ?? '', { file, first: text.slice(0, part.index).split('\n').length, text: part[0] });
    }
  }
  const included = new Set<string>();
  const open = [source];
  for (const text of open) {
    for (const [, name = ''] of text.matchAll(/\b(?:include|template)\s+"([^"]+)"/g)) {
      const block = blocks.get(name);
      if (block === undefined || included.has(name)) continue;
      included.add(name);
      open.push(block.text);
    }
  }
  return [...included].flatMap((name) => blocks.get(name) ?? []);
}

function cluesOf({ text, path, valuesPaths, mark }: Printed): Clues {
  const name = text.replace(/@.*$/, '').replace(/:[^:/]*$/, '');
  const last = path.at(-1);
  return {
    text,
    name: name.includes('/') ? name : text,
    key: typeof last === 'string' ? last : undefined,
    mark: mark === '' ? undefined : mark,
    values: valuesPaths.flatMap(spellingsOf).toSorted((a, b) => b.length - a.length),
    words: (name.split('/').at(-1) ?? '')
      .toLowerCase()
      .split(/[^a-z0-9]+/)
      .filter((word) => word.length > 2),
  };
}

/** How a template may name the value: a subchart without its own name in front, a helper by the map that holds it. */
function spellingsOf(path: Path): string[] {
  const keys = path.slice(0, path.findIndex((step) => typeof step === 'number') >>> 0);
  const spellings: string[] = [];
  for (const start of keys.keys()) {
    for (let end = keys.length; end > start; end -= 1) spellings.push(`.Values.${formatPath(keys.slice(start, end))}`);
  }
  return spellings;
}

function hasWord(line: string, word: string): boolean {
  const at = line.indexOf(word);
  if (at < 0) return false;
  return !/[\w-]/.test(line[at - 1] ?? '') && (/[:=]$/.test(word) || !/[\w-]/.test(line[at + word.length] ?? ''));
}
