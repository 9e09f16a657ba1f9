import type { Values } from '../../bundle-spec/values-layer.ts';
import type { NestedFile } from '../charts/nested-files.ts';
import { formatPath, getAt, isMap, type Path, parsePath } from '../values-path.ts';
import type { Missing } from './placeholder-value.ts';
import { missingInSchema } from './schema-refusal.ts';
import { isEmpty, offsetOfLine, type Surroundings, surroundingsOf, valuesPathsIn } from './template-text.ts';

/** A chart that does not render, and the values that its templates saw. */
export interface FailedChart {
  readonly files: readonly NestedFile[];
  readonly values: Values;
  /** Paths that were made up before. They are judged again only when helm complains of a type. */
  readonly filled: ReadonlySet<string>;
}

/**
 * The values that a chart asks for, from what helm said (`readReason`: `shop/templates/pod.yaml:3:12: .Values.db.host: nil pointer …`) and from
 * the template that it said it in. Groups that are to be filled together; in each the alternatives, the most likely first.
 */
export function missingValues(reason: string, asked: FailedChart): Missing[][] {
  const chart = isTypeError(reason) ? asked : { ...asked, filled: new Set<string>() };
  const inSchema = missingInSchema(reason, chart.files);
  if (inSchema.length > 0) return inSchema;
  const place = placeOf(reason, chart);
  const named = reason
    .replace(/^\S+:\d+(?::\d+)?: /, '')
    .split(/; |\n/)
    .map((sentence) => unique(namedIn(sentence, place, chart)))
    .filter((group) => group.length > 0);
  const around = unique(place === undefined ? [] : fromTemplate(reason, place, chart));
  if (named.length === 0) return around.length === 0 ? [] : [around];
  return named.map((group) => unique([...group, ...around]));
}

function isTypeError(reason: string): boolean {
  return /can't iterate|wrong type|can't evaluate field|can't index|invalid value|expected .* got|got \w+, want|must be one of/.test(
    reason,
  );
}

/** Where in which template. */
interface Place {
  readonly file: NestedFile;
  readonly text: string;
  readonly offset: number;
  /** The names that the chart's values stand below. */
  readonly scope: Path;
}

function placeOf(reason: string, { files }: FailedChart): Place | undefined {
  const scopeOf = (chart: string): Path => (isLibrary(chart, files) ? [] : chart.split('/charts/').slice(1));
  const [, source = '', line = ''] = /([^\s:()]+):(\d+)(?::\d+)?: /.exec(reason) ?? [];
  const message = reason.slice(reason.indexOf(': ') + 2);
  const file =
    files.find(({ chart, path }) => `${chart}/${path}` === source) ?? files.find(({ path }) => source.endsWith(`/${path}`));
  const own = file === undefined ? undefined : placeIn(file, scopeOf(file.chart), (text) => offsetOfLine(text, Number(line)));
  const says = own !== undefined && /\b(?:fail|required)\b/.test(actionAt(own));
  // A helper's message comes with the line that included it; its own words tell where it stands.
  return says || /nil pointer|wrong type|executing|error calling/.test(reason)
    ? own
    : (placeOfWords(message, files, scopeOf) ?? own);
}

function placeIn(file: NestedFile, scope: Path, offset: (text: string) => number): Place {
  const text = file.body.toString('utf8');
  return { file, text, offset: offset(text), scope };
}

/** Its templates see the values of the chart that includes them. */
function isLibrary(chart: string, files: readonly NestedFile[]): boolean {
  const metadata = files.find((file) => file.chart === chart && file.path === 'Chart.yaml');
  return /^type:[ \t]*["']?library/m.test(metadata?.body.toString('utf8') ?? '');
}

function placeOfWords(message: string, files: readonly NestedFile[], scopeOf: (chart: string) => Path): Place | undefined {
  const parts = message.split(/; |"|'|`|\d+/).map((part) => part.trim());
  for (const part of parts.filter((words) => words.length >= 12).toSorted((a, b) => b.length - a.length)) {
    const file = files.find(({ path, body }) => path.startsWith('templates/') && body.includes(part));
    if (file !== undefined) return placeIn(file, scopeOf(file.chart), (text) => text.indexOf(part));
  }
  return undefined;
}

/** The rest of the template from the start of the action that the place is in, as far as that action goes. */
function actionAt({ text, offset }: Place): string {
  const lineEnd = text.indexOf('\n', offset);
  const start = Math.max(text.lastIndexOf('{{', offset), 0);
  const open = text.slice(start, offset).includes('}}') ? offset : start;
  const end = text.indexOf('}}', Math.max(offset, open));
  return text.slice(open, Math.max(end === -1 ? text.length : end, lineEnd));
}

function fromTemplate(reason: string, place: Place, chart: FailedChart): Missing[] {
  const around = surroundingsOf(place.text, place.offset);
  const [, expression = '', key] = /: ([^:]*): nil pointer evaluating [^:]*\.(\w+)$/.exec(reason) ?? [];
  const action = actionAt(place);
  const [, field] = /can't evaluate field (\w+) in type/.exec(reason) ?? [];
  if (field !== undefined) return [...fieldsOf(field, action, around, place, chart)];
  const paths = key === undefined ? [] : nilPaths(expression, key, around);
  const demanded = /\brequired\b/.test(action) ? valuesPathsIn(afterMessage(action, reason), around) : [];
  const others =
    demanded.length > 0 ? [] : valuesPathsIn(/<|: [^:]*\.Values/.test(reason) ? `${reason} ${action}` : action, around);
  const conditions = around.conditions.flatMap((condition) => valuesPathsIn(condition, around));
  return [...paths, ...demanded, ...others, ...conditions]
    .map((path) => (path[0] === 'global' ? path : [...place.scope, ...path]))
    .filter((path) => isOpen(path, chart))
    .map((path) => ofItems(describe(path, reason, chart), chart));
}

/** A list that is one already, and still no good to what ranges over it, has the wrong items. */
function ofItems(missing: Missing, { values }: FailedChart): Missing {
  return missing.wants === 'list' && Array.isArray(getAt(values, missing.path)) ? { ...missing, keys: ['name'] } : missing;
}

/** A map that has to hold `field`, or a list of such maps. */
function* fieldsOf(
  field: string,
  action: string,
  around: Surroundings,
  { scope }: Place,
  chart: FailedChart,
): Generator<Missing> {
  for (const path of valuesPathsIn(action.replace(/[()]/g, ''), around)) {
    const at = path.lastIndexOf(field);
    const holder = [...scope, ...(at === -1 ? path : path.slice(0, at))];
    if (holder.length === 0 || !isOpen(holder, chart)) continue;
    const current = getAt(chart.values, holder);
    const known = [current].flat().flatMap((item) => (isMap(item) ? Object.keys(item) : []));
    yield { path: holder, wants: Array.isArray(current) ? 'list' : 'map', keys: [...new Set([...known, field])] };
  }
}

/** The whole path that the template wanted to go: what it names behind the key that failed is in the map that is missing. */
function nilPaths(expression: string, key: string, around: Surroundings): readonly Path[] {
  return valuesPathsIn(expression, around).map((path) => {
    const last = path.lastIndexOf(key);
    return last === -1 ? [...path, key] : path;
  });
}

/** What stands behind the message of the `required` that said it. */
function afterMessage(action: string, reason: string): string {
  const calls = [...action.matchAll(/required\s+(?:\(printf\s+)?("(?:[^"\\]|\\.)*"|`[^`]*`)/g)];
  const own = calls.find(({ 1: text = '' }) => reason.includes(text.slice(1, -1).replaceAll('\\"', '"').trim())) ?? calls[0];
  return own === undefined
    ? action
    : action.slice(Math.max(0, own.index - 200), own.index).replace(/^[\s\S]*\{\{/, '') +
        action.slice(own.index + own[0].length).replace(/\brequired\b[\s\S]*$/, '');
}

/** Values that a message names: dotted names, and words that templates read as values. */
function namedIn(sentence: string, place: Place | undefined, chart: FailedChart): Missing[] {
  const templates = chart.files.filter(({ path }) => path.startsWith('templates/')).map(({ body }) => body.toString('utf8'));
  const found: Missing[] = [];
  const words = sentence.replace(/\w+:\/\/\S+/g, (address) => ' '.repeat(address.length));
  for (const { index, 0: text } of words.matchAll(/[A-Za-z_][\w-]*(?:\[\d+\]|\.[A-Za-z_][\w-]*)*/g)) {
    const names = (parsePath(text) ?? []).filter((name) => name !== 'Values');
    const path = resolve(names, place?.scope ?? [], chart);
    if (path === undefined) continue;
    const rest = sentence.slice(index + text.length);
    const wanted = wantedIn(rest);
    if (wanted === undefined && !isOpen(path, chart) && !unwanted.test(sentence)) continue;
    const read = new RegExp(`Values\\.${names[0]}\\b`);
    if (names.length === 1 && (text.length < 3 || !templates.some((template) => read.test(template)))) continue;
    found.push({ ...describe(path, sentence, chart), ...(wanted === undefined ? {} : { choices: [wanted] }) });
  }
  return found;
}

/** What a message says of a value that is there and will not do. */
const unwanted = /still set|must be changed|change the default|default (?:placeholder|value)/i;

function wantedIn(rest: string): unknown {
  const [, word] = /^["'`]?\s*(?:=|:|to|(?:must|should|has to) be(?: set to)?)\s*["'`]?([\w.-]+)/.exec(rest) ?? [];
  if (word === 'true' || word === 'enabled') return true;
  return word === 'false' || word === 'disabled' ? false : undefined;
}

/** Where the values have these names, or could have: in the chart's own scope, or below a first name left out. */
function resolve(names: Path, scope: Path, { values }: FailedChart): Path | undefined {
  if (names.length === 0) return undefined;
  const ways = [[...scope, ...names], names, ...(names.length > 1 ? [names.slice(1)] : [])];
  const known = ways.find((way) => getAt(values, way) !== undefined);
  if (known !== undefined || names.length === 1) return known ?? ways[0];
  const holds = (way: Path): boolean => {
    const value = getAt(values, way);
    return way.length > 0 && (isMap(value) || Array.isArray(value));
  };
  return ways.find((way) => way.length > 1 && (holds(way.slice(0, -1)) || holds(way.slice(0, 1))));
}

/** True for what has no value yet, or one that was made up. */
function isOpen(path: Path, { values, filled }: FailedChart): boolean {
  return filled.has(formatPath(path)) || isEmpty(getAt(values, path));
}

function describe(path: Path, text: string, { files, values }: FailedChart): Missing {
  const name = path.at(-1);
  const scoped = path.map((step) => String(step)).join('.');
  const uses = files.filter(({ path: file }) => file.startsWith('templates/')).map(({ body }) => body.toString('utf8'));
  const tail = [...scoped.matchAll(/(?:^|\.)/g)].map(({ index }) => scoped.slice(index).replace(/^\./, ''));
  const dotted = tail.find((end) => uses.some((use) => use.includes(`.Values.${end}`))) ?? String(name);
  const joined = uses.join('\n');
  const used = wantsOf(dotted, text, joined);
  // `range $key, $value` goes over lists as well.
  const wants = used === 'map' && Array.isArray(getAt(values, path)) ? 'list' : used;
  const length = /at least (\d+) (?:characters|chars|bytes)|(\d+)[- ](?:characters?|chars|bytes)/i.exec(text);
  return {
    path,
    ...(wants === undefined ? {} : { wants }),
    choices: choicesOf(dotted, text, joined),
    ...(length === null ? {} : { length: Number(length[1] ?? length[2]) }),
  };
}

function wantsOf(dotted: string, text: string, templates: string): Missing['wants'] {
  if (/range can't iterate/.test(text)) return 'list';
  if (/expected map\[/.test(text)) return 'map';
  if (/expected \[\]|expected slice|must be (?:an?|type) (?:list|array)/.test(text)) return 'list';
  const used = (before: string, after = ''): boolean =>
    new RegExp(`${before}\\.Values\\.${escaped(dotted)}\\b${after}`).test(templates);
  if (used('range\\s+\\$\\w+\\s*,\\s*\\$\\w+\\s*:=\\s*\\$?')) return 'map';
  if (used('(?:range|first|last|join\\s+"[^"]*"|has\\s+"[^"]*")\\s+(?:\\$\\w+\\s*:=\\s*)?\\$?')) return 'list';
  if (used('b64dec\\s+\\$?') || used('', '\\s*\\|\\s*b64dec')) return 'base64';
  return used('(?:keys|hasKey|values)\\s+\\$?') ? 'map' : undefined;
}

/** Words that the message offers, or that templates compare the value with. */
function choicesOf(dotted: string, text: string, templates: string): unknown[] {
  const [, offered] =
    /(?:one of|e\.g\.|allowed values(?: are)?|valid (?:values|options)(?: are)?|choose from)[:\s[(]+["'`]?([A-Za-z][\w.:-]*\w)/i.exec(
      text,
    ) ?? [];
  const compared = new RegExp(`eq\\s+\\$?\\.Values\\.${escaped(dotted)}\\s+"([^"]+)"`).exec(templates)?.[1];
  return [offered, compared].filter((word) => word !== undefined);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function unique(all: readonly Missing[]): Missing[] {
  const first = new Map<string, Missing>();
  for (const missing of all) if (!first.has(formatPath(missing.path))) first.set(formatPath(missing.path), missing);
  return [...first.values()];
}
