import type { Values } from '../../bundle-spec/values-layer.ts';
import type { Edit } from '../overrides.ts';
import { formatPath, getAt, isMap, type Path } from '../values-path.ts';
import { placeholderHost } from './gate-knowledge.ts';

/**
 * What to set so that a chart which failed with `message` (`template:line: reason`) may go on: the values that the message names, in their
 * own type. Empty when it names none.
 */
export function repairsFor(message: string, values: Values): Edit[] {
  const scope = scopeOf(message);
  const edits = new Map<string, Edit>();
  for (const named of namesIn(message)) {
    const path = named.isNil === true ? [...scope, ...named.names] : placeOf(named.names, scope, values);
    const edit = path === undefined ? undefined : repair(path, named, values);
    if (edit !== undefined) edits.set(formatPath(edit.path), edit);
  }
  return [...edits.values()];
}

/** The settings without what was made up inside their maps: a chart may not take every key that its templates read. */
export function leanerSettings(settings: readonly Edit[]): Edit[] {
  return settings.map(({ path, value }) => ({ path, value: leaner(value) }));
}

function leaner(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(leaner);
  if (!isMap(value)) return value;
  const inner = Object.entries(value).filter(([, entry]) => isMap(entry));
  return Object.fromEntries(inner.map(([key, entry]) => [key, leaner(entry)]));
}

/** The subchart whose template failed: `shop/charts/db/templates/pod.yaml:3`. */
function scopeOf(message: string): Path {
  const template = /[\w.-]+(?:\/charts\/[\w.-]+)*\/templates\/[^\s:]*:\d+/.exec(message)?.[0] ?? '';
  return [...template.matchAll(/\/charts\/([^/]+)(?=\/)/g)].map(([, name = '']) => name);
}

interface Named {
  readonly names: readonly string[];
  /** What the message says to set it to. */
  readonly wanted?: unknown;
  /** A number has to be above this one, or above the one it is when the message names none. */
  readonly above?: number | undefined;
  /** The map that it is in is missing too. */
  readonly isNil?: boolean;
}

/** Dotted names, and words in quotes; a nil pointer tells the key that it looked for in the end. */
function* namesIn(message: string): Generator<Named> {
  const nil = /(?:\.Values|\$\.Values)((?:\.\w+)+): nil pointer evaluating interface \{\}\.(\w+)/.exec(message);
  if (nil !== null) {
    yield { names: (nil[1] ?? '').slice(1).split('.'), isNil: true };
    return;
  }
  const text = message.replace(/[\w.-]+\/templates\/\S+/g, ' ');
  const pattern =
    /(?:\.?Values\.)?([A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)+)(?:\[\d*\])?["'`]?(\s*=\s*|:\s+|\s+(?:must be(?: set)? to|should be|to be|to|must be)\s+)?(["'`]?[\w-]+["'`]?)?/g;
  for (const [, name = '', sign = '', word = ''] of text.matchAll(pattern)) {
    yield { names: name.split('.'), ...wantedIn(sign, word), ...boundIn(text, name) };
  }
  for (const [, name = ''] of text.matchAll(/["'`]\.?([A-Za-z_]\w*)["'`]/g)) yield { names: [name], ...boundIn(text, name) };
  for (const [, ...names] of text.matchAll(/\b(?:create|enable) (?:the )?(\w+)(?: and (\w+))?/g))
    yield* names.filter((name) => name !== undefined).map((name) => ({ names: [name] }));
  for (const [name] of text.matchAll(/(?<=\bValues\.)\w+(?![\w.])|(?<![\w.])[a-z]+[A-Z]\w*(?![\w.])/g))
    yield { names: [name], ...boundIn(text, name) };
}

function wantedIn(sign: string, word: string): Pick<Named, 'wanted'> {
  if (/^["'`]?true["'`]?$/i.test(word)) return { wanted: true };
  if (/^["'`]?false["'`]?$/i.test(word)) return { wanted: false };
  const quoted = /^(["'`])(.+)\1$/.exec(word)?.[2];
  if (quoted !== undefined && sign !== '') return { wanted: quoted };
  return /^=\w/.test(`${sign}${word}`) ? { wanted: word } : {};
}

/** `replicas must be at least 3`, `the grace period has to be two times the other`: a number that is too small. */
function boundIn(text: string, name: string): Pick<Named, 'above'> {
  const rest = text.slice(text.indexOf(name) + name.length);
  const least = /^\W*(?:\w+\W+){0,5}?(?:at least|no less than|minimum of|>=)\s+(?:\D*?\b(\d+)\b)?/i.exec(rest);
  if (least !== null) return { above: least[1] === undefined ? undefined : Number(least[1]) - 1 };
  const more = /^\W*(?:\w+\W+){0,5}?(?:above|exceed|greater than|more than|higher than|larger than|>)\s+(\d+)?\b/i.exec(rest);
  return more === null ? {} : { above: more[1] === undefined ? undefined : Number(more[1]) };
}

/** Where in the values the name stands: as it is, or in the scope of the chart that failed. The map it is in has to be there. */
function placeOf(names: readonly string[], scope: Path, values: Values): Path | undefined {
  const ways = scope.length === 0 ? [names] : [[...scope, ...names], names];
  return ways.find((way) => {
    if (getAt(values, way) !== undefined) return true;
    // A word alone may be any word.
    return names.length > 1 && isMap(getAt(values, way.slice(0, -1)));
  });
}

/** How much larger a number is made that is too small for an unknown bound. */
const enough = 20;

function repair(path: Path, named: Named, values: Values): Edit | undefined {
  const current = getAt(values, path);
  const wanted = typeof current === 'number' ? numberFor(current, named) : named.wanted;
  if (isMap(current)) {
    const off = ['create', 'enabled'].find((key) => current[key] === false);
    return off === undefined ? undefined : { path: [...path, off], value: true };
  }
  const value = wanted ?? placeholderFor(String(path.at(-1)), current);
  return value === undefined || value === current ? undefined : { path, value };
}

function numberFor(current: number, named: Named): number | undefined {
  if (/^-?\d+$/.test(String(named.wanted))) return Number(named.wanted);
  if (!Object.hasOwn(named, 'above')) return undefined;
  if (named.above !== undefined) return current > named.above ? undefined : named.above + 1;
  return Math.max(1, current) * enough;
}

/** Something of the right type; `undefined` where what is there is as good as any. */
export function placeholderFor(key: string, current: unknown): unknown {
  if (current === false) return true;
  if (Array.isArray(current)) return current.length === 0 ? [textFor(key)] : undefined;
  if (isMap(current)) return undefined;
  return current === undefined || current === null || current === '' ? textFor(key) : undefined;
}

function textFor(key: string): string {
  if (/mail/i.test(key)) return `admin@${placeholderHost}`;
  if (/ur[il]|endpoint|address/i.test(key)) return `https://${placeholderHost}`;
  if (/host|domain|fqdn|server/i.test(key)) return placeholderHost;
  if (/port$/i.test(key)) return '8080';
  return /pass|secret|token|key/i.test(key) ? 'placeholder-0123456789' : 'placeholder';
}
