import { withoutSentinels } from '../sentinel.ts';
import { isMap } from '../values-path.ts';
import { wordsOf } from './image-labels.ts';
import { asReference, pinOf } from './reference-text.ts';
import { isAccount } from './registry-hosts.ts';
import { pinText } from './sibling-keys.ts';

/** One named string of a map, or of a list of variables. */
export interface NamedText {
  readonly name: string;
  readonly text: string;
}

/** A named string and the way to it from the map or list. */
export interface LocatedText extends NamedText {
  readonly steps: readonly [string | number, ...string[]];
}

/** The named strings of a map, numbers as text; those of a list: variables `{name, value}`, and flags `--name=value`. */
export function namedTexts(value: unknown): LocatedText[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => namedItem(item, index) ?? []);
  // Most maps have no name of an image, and need no closer look.
  if (!isMap(value) || !Object.keys(value).some((key) => /image|repo/i.test(key))) return [];
  return Object.entries(value).flatMap(([name, text]) =>
    typeof text === 'string' || typeof text === 'number' ? [{ name, text: String(text), steps: [name] as const }] : [],
  );
}

function namedItem(item: unknown, index: number): LocatedText | undefined {
  if (typeof item === 'string') {
    const [, name, text] = /^--?([a-zA-Z][\w.-]*)=(\S+)$/.exec(item) ?? [];
    return name === undefined || text === undefined ? undefined : { name, text, steps: [index] };
  }
  if (!isMap(item) || typeof item.name !== 'string' || typeof item.value !== 'string') return undefined;
  return { name: item.name, text: item.value, steps: [index, 'value'] };
}

/** A reference spread over names with a common stem: `RELOADER_IMAGE` and `RELOADER_TAG`, `trivy.repository` and `trivy.tag`. */
export interface StemGroup<T extends NamedText> {
  readonly stem: string;
  readonly text: string;
  /** A tag or digest is among them. */
  readonly pinned: boolean;
  /** What holds the beginning of the reference. */
  readonly lead: T;
  readonly members: readonly T[];
  /** A name among them says image, or says tag or digest rather than version. */
  readonly telling: boolean;
}

type Role = 'registry' | 'name' | 'bare name' | 'tag' | 'digest';

/** Last words of a name and what they say; the longer before the shorter. */
const roles: readonly (readonly [readonly string[], Role])[] = [
  [['image', 'registry'], 'registry'],
  [['registry', 'host'], 'registry'],
  [['registry', 'url'], 'registry'],
  [['repo', 'url'], 'registry'],
  [['registry'], 'registry'],
  [['image', 'repository'], 'name'],
  [['image', 'repo'], 'name'],
  [['image', 'name'], 'name'],
  [['repository', 'name'], 'name'],
  [['repository'], 'name'],
  [['repo'], 'name'],
  [['image'], 'name'],
  [['name'], 'bare name'],
  [['image', 'tag'], 'tag'],
  [['image', 'version'], 'tag'],
  [['tag'], 'tag'],
  [['version'], 'tag'],
  [['image', 'digest'], 'digest'],
  [['image', 'sha'], 'digest'],
  [['image', 'sha256'], 'digest'],
  [['digest'], 'digest'],
  [['sha'], 'digest'],
  [['sha256'], 'digest'],
];

interface Part<T> {
  readonly entry: T;
  readonly role: Role;
  readonly stem: readonly string[];
}

/** The references among `entries`. Names of which none goes with another are left alone. */
export function groupByStem<T extends NamedText>(entries: readonly T[]): StemGroup<T>[] {
  const parts = entries.flatMap((entry) => partOf(entry) ?? []);
  if (parts.length < 2) return [];
  const stems = new Map<string, Part<T>[]>();
  for (const part of parts) {
    const stem = part.stem.join(' ');
    stems.set(stem, [...(stems.get(stem) ?? []), part]);
  }
  return [...stems].flatMap(([stem, group]) => composeGroup(stem, group, parts) ?? []);
}

function partOf<T extends NamedText>(entry: T): Part<T> | undefined {
  if (entry.text === '' || !/image|repo|registry|tag|version|digest|sha|name$/i.test(entry.name)) return undefined;
  if (!/^[\w./:@+-]+$/.test(entry.text) || entry.text.includes('://')) return undefined;
  const words = wordsOf(entry.name);
  for (const [ends, role] of roles) {
    const stem = words.slice(0, words.length - ends.length);
    if (words.length >= ends.length && ends.every((word, index) => words[stem.length + index] === word))
      return { entry, role, stem };
  }
  return undefined;
}

function composeGroup<T extends NamedText>(
  stem: string,
  group: readonly Part<T>[],
  all: readonly Part<T>[],
): StemGroup<T> | undefined {
  const only = (role: Role): Part<T> | undefined => group.find((part) => part.role === role);
  const prefix = prefixOf(only('registry') ?? only('name'));
  const name = (prefix && only('bare name')) ?? only('name');
  if (name === undefined || pinOf(name.entry.text) !== '' || !isReference(name.entry.text)) return undefined;
  const registry = hasHost(name.entry.text) ? undefined : (only('registry') ?? prefix);
  const tag = only('tag') ?? tagOfSuffix(name, all);
  const digest = only('digest');
  const members = [registry, name, tag, digest].filter((part) => part !== undefined);
  const pin = pinText(tag?.entry.text, digest?.entry.text);
  const lead = registry ?? name;
  const text = `${registry === undefined ? '' : `${registry.entry.text.replace(/\/+$/, '')}/`}${name.entry.text}${pin}`;
  if (members.length < 2 || !isReference(text)) return undefined;
  const telling = members.some(({ entry }) => /image|tag|digest|sha/i.test(entry.name));
  return { stem, text, pinned: pin !== '', lead: lead.entry, members: members.map(({ entry }) => entry), telling };
}

/** A sentinel in front of a host with a port makes a text that is none, though what stands there is one. */
function isReference(text: string): boolean {
  return asReference(withoutSentinels(text)) !== undefined;
}

/** What stands in front of a bare name: `SEARCH_REPO_URL=quay.io/mongodb` of `SEARCH_NAME=search`. */
function prefixOf<T extends NamedText>(part: Part<T> | undefined): Part<T> | undefined {
  const text = withoutSentinels(part?.entry.text ?? '');
  return part?.role === 'registry' ? (hasHost(text) ? part : undefined) : isAccount(text) ? part : undefined;
}

/** `DATABASE_VERSION` for `ENTERPRISE_DATABASE_IMAGE`, when no other name fits as well. */
function tagOfSuffix<T>(name: Part<T>, all: readonly Part<T>[]): Part<T> | undefined {
  const fitting = all.filter(
    ({ role, stem }) => role === 'tag' && stem.length > 0 && stem.length < name.stem.length && endsWith(name.stem, stem),
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}

function endsWith(words: readonly string[], end: readonly string[]): boolean {
  return end.every((word, index) => words[words.length - end.length + index] === word);
}

function hasHost(text: string): boolean {
  return /^[^/]*[.:][^/]*\//.test(text);
}
