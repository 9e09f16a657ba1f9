import { formatPath, isMap, type Path } from '../values-path.ts';

/** A value to set, as one of helm's flags takes it. */
export interface SettingText {
  readonly flag: '--set' | '--set-string' | '--set-json';
  /** `a.b[0]=c`. No space stands in it that is not escaped. */
  readonly text: string;
}

/**
 * What to give to helm so that `value` is at `path`: `--set` where that can say it, each leaf of a map or list by its own path, else
 * `--set-string` for a text and `--set-json` for the rest. What is undefined is not set.
 */
export function settingTexts(path: Path, value: unknown): SettingText[] {
  if (value === undefined) return [];
  if (isMap(value) && Object.keys(value).length > 0) {
    if (Object.hasOwn(value, '') || Object.hasOwn(value, '__proto__')) return [jsonText(path, value)];
    return Object.entries(value).flatMap(([key, inner]) => settingTexts([...path, key], inner));
  }
  if (Array.isArray(value)) {
    const texts = value.flatMap((item, index) => settingTexts([...path, index], item));
    return texts.length > 0 && texts.every(({ flag }) => flag === '--set') ? texts : [jsonText(path, value)];
  }
  if (typeof value === 'string') {
    const flag = isText(value) ? '--set' : '--set-string';
    return [{ flag, text: `${pathText(path)}=${escaped(value)}` }];
  }
  return isPlain(value) ? [{ flag: '--set', text: `${pathText(path)}=${value}` }] : [jsonText(path, value)];
}

/** Whether `--set` leaves `text` a text: truths, null and whole numbers it reads as such, whatever is escaped. */
export function isText(text: string): boolean {
  return !/^(?:true|false|null|0|[-+]?[1-9]\d*)$/i.test(text);
}

function isPlain(value: unknown): boolean {
  return typeof value === 'boolean' || value === null || Number.isSafeInteger(value);
}

function jsonText(path: Path, value: unknown): SettingText {
  const json = JSON.stringify(value).replace(/\s/g, (space) => `\\u${space.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return { flag: '--set-json', text: `${pathText(path)}=${json}` };
}

function pathText(path: Path): string {
  return formatPath(path).replace(/\s/g, '\\$&');
}

/** `{` begins a list, `[` and `"` what diolkos takes for JSON. */
function escaped(text: string): string {
  return text.replace(/[\\,\s]|^[{["]/g, '\\$&');
}
