import { applyEdits, type Edit } from '../overrides.ts';
import { formatPath, getAt, type Path } from '../values-path.ts';
import type { Gate } from './gate.ts';
import { parseJsonSettings, parseSettings, parseTextSettings } from './parse-settings.ts';

const readers: Readonly<Record<string, (text: string) => Edit[] | undefined>> = {
  '--set': parseSettings,
  '--set-string': parseTextSettings,
  '--set-json': parseJsonSettings,
};

/**
 * A gate as `formatGate` wrote it; a list given item by item from the first on is one setting. `undefined` for other text, such as
 * `profile nightly`.
 */
export function parseGate(text: string): Omit<Gate, 'where'> | undefined {
  const flags = wordsOf(text).map(flagOf);
  const valuesOf = (wanted: string): string[] => flags.flatMap(({ flag, value }) => (flag === wanted ? [value] : []));
  const settings = flags.flatMap(({ flag, value }) => (isWorld(flag) ? [] : [readers[flag]?.(value)]));
  const isGate = flags.length > 0 && settings.every((edits) => edits !== undefined);
  if (!isGate) return undefined;
  const apiVersions = valuesOf('--api-versions');
  const kubernetes = valuesOf('--kube-version').at(-1);
  return {
    settings: wholeLists(settings.flatMap((edits) => edits ?? [])),
    ...(apiVersions.length === 0 ? {} : { apiVersions }),
    ...(kubernetes === undefined ? {} : { kubernetes }),
  };
}

function isWorld(flag: string): boolean {
  return flag === '--api-versions' || flag === '--kube-version';
}

/** Only the first word goes without a flag of its own. */
function flagOf(word: string, index: number): { readonly flag: string; readonly value: string } {
  const [, flag, value = ''] = /^(--[a-z-]+)=([\s\S]*)$/.exec(word) ?? [];
  return flag === undefined ? { flag: index === 0 ? '--set' : '', value: word } : { flag, value };
}

/** Parted at the spaces that are not escaped. */
function wordsOf(text: string): readonly string[] {
  return text.match(/(?:\\[\s\S]|\S)+/g) ?? [];
}

/** Helm replaces lists: items that are given from the first to the last are a list, and no change of one. */
function wholeLists(edits: readonly Edit[]): Edit[] {
  const listOf = ({ path }: Edit): Path => {
    const index = path.findIndex((step) => typeof step === 'number');
    return index === -1 ? path : path.slice(0, index);
  };
  return [...Map.groupBy(edits, (edit) => formatPath(listOf(edit))).values()].flatMap((group) => {
    const [first] = group;
    const path = first === undefined ? [] : listOf(first);
    if (first === undefined || first.path.length === path.length) return group;
    const list = getAt(applyEdits({}, group), path);
    return isWhole(list) ? [{ path, value: list }] : group;
  });
}

function isWhole(value: unknown): boolean {
  if (Array.isArray(value)) return Array.from(value, isWhole).every(Boolean);
  return value !== undefined;
}
