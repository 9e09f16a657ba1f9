import type { Values } from '../../bundle-spec/values-layer.ts';
import type { RenderedObject } from '../manifest-stream.ts';
import { formatPath, getAt, isMap, type Path } from '../values-path.ts';
import type { Reading } from './find-references.ts';
import { decode, getInObject, payloadOf, yamlPayload } from './payload.ts';

/** Keys that a chart's values must have before a document with the same keys counts as a dump of them. */
const fewestKeys = 4;
/** Part of the keys that has to be there: charts leave out what is secret or add the release's name. */
const mostKeys = 0.8;
/** Keys and part of the keys that a dump of what is turned on has, of which every key is one of the values. */
const dumpInPart = { fewest: 8, part: 0.5 };

/**
 * The values path whose dump shows at `place`, in the scope of the chart that the object comes from: z2jh puts all its values into a Secret.
 * `undefined` for a place in no such dump.
 */
export function dumpedPath({ object, path }: Reading, values: Values): Path | undefined {
  const start = path.lastIndexOf(yamlPayload) + 1;
  if (start === 0) return undefined;
  for (const depth of [start, start + 1]) {
    const rest = path.slice(depth).filter((step) => typeof step !== 'object');
    if (rest.length > 0 && isDump(getDocument(object, path.slice(0, depth)), scopeOf(object, values))) return rest;
  }
  return undefined;
}

/** Whether something that `objects` hold, dumps aside, names the values path or the map that it is in: `get_config("singleuser.image.tag")`. */
export function isNamed(path: Path, objects: readonly RenderedObject[], values: Values): boolean {
  const list = path.findIndex((step) => typeof step === 'number');
  const ways = list > 0 ? [path.slice(0, list)] : [path, ...(path.length > 2 ? [path.slice(0, -1)] : [])];
  const names = ways.map((way) => new RegExp(`(?<![\\w-])${quoted(formatPath(way))}(?![\\w-])`));
  return objects.some((object) => textOf(object, values).some((text) => names.some((name) => name.test(text))));
}

const documents = new WeakMap<object, Map<string, unknown>>();

/** What stands there; kept, since many places share one document. */
function getDocument({ value }: RenderedObject, path: Reading['path']): unknown {
  const known = documents.get(value) ?? new Map<string, unknown>();
  documents.set(value, known);
  const key = JSON.stringify(path);
  if (!known.has(key)) known.set(key, getInObject(value, path));
  return known.get(key);
}

function isDump(document: unknown, scope: unknown): boolean {
  if (!isMap(document) || !isMap(scope)) return false;
  const keys = Object.keys(scope).filter((key) => key !== 'global');
  const present = keys.filter((key) => Object.hasOwn(document, key)).length;
  if (keys.length >= fewestKeys && present >= keys.length * mostKeys) return true;
  const isPart = Object.keys(document).every((key) => Object.hasOwn(scope, key));
  return isPart && present >= dumpInPart.fewest && present >= keys.length * dumpInPart.part;
}

/** The values of the chart that renders an object: `shop/charts/hub/templates/secret.yaml` is below `hub`. */
function scopeOf({ template }: RenderedObject, values: Values): unknown {
  const scope = [...template.matchAll(/\/charts\/([^/]+)(?=\/)/g)].map(([, name = '']) => name);
  return getAt(values, scope);
}

const texts = new WeakMap<object, readonly string[]>();

function textOf(object: RenderedObject, values: Values): readonly string[] {
  const known = texts.get(object.value);
  if (known !== undefined) return known;
  const found = [...stringsIn(object.value, scopeOf(object, values))];
  texts.set(object.value, found);
  return found;
}

function* stringsIn(value: unknown, scope: unknown): Generator<string> {
  if (typeof value === 'string') {
    const step = payloadOf(value);
    const inner = step === undefined ? undefined : decode(value, step);
    if (typeof inner === 'string') yield* stringsIn(inner, scope);
    else if (!isDump(inner, scope)) yield value;
  } else if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) yield* stringsIn(inner, scope);
  }
}

function quoted(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
