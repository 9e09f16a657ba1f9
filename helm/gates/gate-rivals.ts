import type { Values } from '../../bundle-spec/values-layer.ts';
import type { Edit } from '../overrides.ts';
import { formatPath, getAt, isMap, type Path } from '../values-path.ts';
import { switchName } from './gate-knowledge.ts';
import { placeholderFor } from './gate-repairs.ts';

const exclusive =
  /exactly one|only (?:use |enable |set )?one|just one|at most one|more than one|mutually exclusive|exclusive|at the same time|simultaneously|cannot both|both\b.*\b(?:set|enabled|used)|(?:cannot|can't|can not|may not|must not) be (?:used|set|enabled|combined|configured)|conflict/i;

/**
 * Where `message` says that a chart takes one of several: the switches that are on beside those that the gate turns on, turned off. The
 * switches of `a.enabled` are `a.enabled` of every map beside `a`, those of `useA` every `useB`.
 */
export function rivalsOff(message: string, settings: readonly Edit[], values: Values): Edit[] {
  if (!exclusive.test(message)) return [];
  const off = settings.filter(({ value }) => value === true).flatMap(({ path }) => rivalsOf(path, values));
  return [...new Map(off.map((path) => [formatPath(path), { path, value: false }])).values()];
}

function rivalsOf(path: Path, values: Values): Path[] {
  const key = String(path.at(-1));
  if (!switchName.test(key)) return [];
  const isNested = /^(?:enabled?|create|deploy|install|use)$/i.test(key);
  const around = path.slice(0, isNested ? -2 : -1);
  const own = path[around.length];
  const siblings = getAt(values, around);
  if (!isMap(siblings) || path.length < (isNested ? 2 : 1)) return [];
  return Object.keys(siblings)
    .filter((name) => name !== own)
    .map((name) => (isNested ? [...around, name, key] : [...around, name]))
    .filter((rival) => getAt(values, rival) === true && switchName.test(String(rival.at(-1))));
}

/**
 * The settings with a map where the chart looked for a field in something made up that is none: `$cache.url: can't evaluate field url in
 * type bool`, and with a text where it wanted one. `undefined` for other messages.
 */
export function withField(message: string, settings: readonly Edit[]): Edit[] | undefined {
  const [, holder = '', field] =
    /(?:([\w-]+)\.[\w-]+)?>?: can't evaluate field (\w+) in type (?:bool|string|interface \{\})/.exec(message) ?? [];
  if (/expected string; got bool/.test(message)) return withText(settings);
  if (field === undefined) return undefined;
  const isMadeUp = ({ value }: Edit): boolean => value === true || value === 'placeholder';
  const named = settings.findLast((setting) => isMadeUp(setting) && setting.path.at(-1) === holder);
  const wrong = named ?? settings.findLast(isMadeUp);
  if (wrong === undefined) return undefined;
  const value = { [field]: placeholderFor(field, undefined) };
  return settings.map((setting) => (setting === wrong ? { ...setting, value } : setting));
}

/** The truth that was made up last as a text. */
function withText(settings: readonly Edit[]): Edit[] | undefined {
  const wrong = settings.findLast(({ path, value }) => value === true && !switchName.test(String(path.at(-1))));
  return wrong === undefined
    ? undefined
    : settings.map((setting) => (setting === wrong ? { ...setting, value: 'placeholder' } : setting));
}
