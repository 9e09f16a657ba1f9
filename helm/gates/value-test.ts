import { isMap } from '../values-path.ts';

/** A question that a template asks about one value. */
export type ValueTest =
  | { readonly is: 'truthy' | 'present' }
  | { readonly is: 'equal' | 'less' | 'greater'; readonly value: unknown }
  | { readonly is: 'beginning' | 'ending' | 'containing' | 'matching' | 'kind'; readonly value: string }
  | { readonly is: 'including'; readonly value: unknown }
  | { readonly is: 'longer'; readonly value: number };

/** Truth as Go's templates have it: false, 0, the empty text, list or map and nothing at all are false. */
export function isTruthy(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isMap(value)) return Object.keys(value).length > 0;
  return value !== undefined && value !== null && value !== false && value !== 0 && value !== '';
}

/** Whether `value` passes. Numbers and truths are compared with texts too, since charts pass them through `toString` and `quote`. */
export function passes(test: ValueTest, value: unknown): boolean {
  switch (test.is) {
    case 'truthy':
      return isTruthy(value);
    case 'present':
      return value !== undefined;
    case 'equal':
      return isSame(value, test.value);
    case 'less':
      return numberOf(value) < numberOf(test.value);
    case 'greater':
      return numberOf(value) > numberOf(test.value);
    case 'including':
      return Array.isArray(value) && value.some((item) => isSame(item, test.value));
    case 'longer':
      return lengthOf(value) > test.value;
    case 'kind':
      return kindOf(value) === kindNames[test.value];
    default:
      return passesAsText(test.is, test.value, value);
  }
}

/** As `int` has it: what is no number is 0. */
function numberOf(value: unknown): number {
  const number = Number(value);
  return Number.isNaN(number) ? 0 : number;
}

function passesAsText(is: 'beginning' | 'ending' | 'containing' | 'matching', part: string, value: unknown): boolean {
  const text = textOf(value);
  if (is === 'beginning') return text.startsWith(part);
  if (is === 'ending') return text.endsWith(part);
  if (is === 'containing') return text.includes(part);
  return regexOf(part)?.test(text) ?? false;
}

/** Values like `current` that pass, or do not when `wanted` is false; none where no simple one is known. */
export function valuesPassing(test: ValueTest, wanted: boolean, current: unknown): unknown[] {
  if (!wanted) return valuesFailing(test, current);
  switch (test.is) {
    case 'truthy':
    case 'present':
      return []; // Any value will do: what the chart makes of it says which.
    case 'equal':
      return [typedLike(current, test.value)];
    case 'less':
      return [Number(test.value) - 1];
    case 'greater':
      return [Number(test.value) + 1];
    case 'including':
      return [[...(Array.isArray(current) ? current : []), test.value]];
    case 'longer':
      return [Array.from({ length: test.value + 1 }, (_, index) => `placeholder-${index}`)];
    case 'kind':
      return samplesOf(test.value);
    default:
      return [textPassing(test.is, test.value)].filter((text) => passes(test, text));
  }
}

function valuesFailing(test: ValueTest, current: unknown): unknown[] {
  if (test.is === 'present') return [null];
  if (test.is === 'less' || test.is === 'greater') return [Number(test.value)];
  if (test.is === 'including' && Array.isArray(current)) return [current.filter((item) => !isSame(item, test.value))];
  if (typeof current === 'boolean') return [!current];
  if (test.is === 'equal') return typeof current === 'number' ? [current + 1] : [];
  return [emptyLike(current)];
}

function emptyLike(current: unknown): unknown {
  if (Array.isArray(current)) return [];
  if (typeof current === 'string') return '';
  return typeof current === 'number' ? 0 : null; // Helm merges an empty map into what is there; null removes it.
}

function typedLike(current: unknown, value: unknown): unknown {
  if ((typeof current === 'boolean' || current === undefined) && (value === 'true' || value === 'false')) return value === 'true';
  if (typeof current === 'string' && typeof value !== 'string') return textOf(value);
  if (typeof current === 'number' && typeof value === 'string' && String(Number(value)) === value) return Number(value);
  return value;
}

function textPassing(is: 'beginning' | 'ending' | 'containing' | 'matching', part: string): string {
  if (is === 'beginning') return `${part}placeholder`;
  if (is === 'ending') return `placeholder${part}`;
  return is === 'containing' ? part : exampleOf(part);
}

/** A text that a simple expression matches; the caller checks that it does. */
function exampleOf(expression: string): string {
  const [first = ''] = expression.replace(/^\(\?[a-z]+\)/, '').split(/\|(?![^(]*\))/);
  return first
    .replace(/^\^|\$$/g, '')
    .replace(/\((?:\?:)?([^|()]*)(?:\|[^()]*)?\)\??/g, '$1')
    .replace(/\[([^\]^])[^\]]*\](?:[*+?]|\{\d+(?:,\d*)?\})?/g, '$1')
    .replace(/\\d[*+]?/g, '1')
    .replace(/\\[wS][*+]?|\.[*+]|(?<!\\)\./g, 'x')
    .replace(/\\(.)/g, '$1');
}

const kindNames: Readonly<Record<string, string>> = {
  string: 'string',
  bool: 'bool',
  map: 'map',
  slice: 'slice',
  invalid: 'invalid',
  int: 'number',
  int64: 'number',
  float64: 'number',
  'map[string]interface {}': 'map',
  'map[string]interface{}': 'map',
  '[]interface {}': 'slice',
  '[]interface{}': 'slice',
};

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'invalid';
  if (Array.isArray(value)) return 'slice';
  if (isMap(value)) return 'map';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function samplesOf(kind: string): unknown[] {
  const samples: Readonly<Record<string, unknown>> = {
    string: 'placeholder',
    bool: true,
    map: {},
    slice: ['placeholder'],
    number: 1,
  };
  const name = kindNames[kind];
  return name === undefined || !Object.hasOwn(samples, name) ? [] : [samples[name]];
}

function isSame(a: unknown, b: unknown): boolean {
  return textOf(a) === textOf(b) && isMap(a) === isMap(b);
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return isMap(value) ? Object.keys(value).length : 0;
}

/** Go's expressions are JavaScript's but for leading flags. */
function regexOf(source: string): RegExp | undefined {
  try {
    return new RegExp(source.replace(/^\(\?([a-z]+)\)/, ''), source.startsWith('(?i)') ? 'i' : '');
  } catch {
    return undefined;
  }
}
