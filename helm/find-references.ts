import type { RenderedObject } from './manifest-stream.ts';
import { getInObject, type ObjectPath, payloadOf } from './payload.ts';
import { spellingOf, type Token, tokensOf } from './reference-text.ts';
import { hasSentinel, withoutSentinels } from './sentinel.ts';
import { composeReference } from './sibling-keys.ts';
import { isMap } from './values-path.ts';

/**
 * One place where a reference stands in a rendered object.
 * `pod`: where a pod's images are. `keys`: spread over the keys of the map at `path`. `text`: token `index` of the string at `path`.
 */
export interface Reading {
  readonly object: RenderedObject;
  readonly path: ObjectPath;
  readonly as: 'pod' | 'keys' | 'text';
  readonly index: number;
  readonly text: string;
  /** Spelled out far enough to be pulled: in a pod always, elsewhere with tag or digest, or under a name that says image. */
  readonly complete: boolean;
}

export interface ReadOptions {
  /** Texts known to be references, which count wherever they stand. */
  readonly known: ReadonlySet<string>;
}

/**
 * Every place of `object` where a reference stands for certain, payloads of ConfigMaps and Secrets included, and every place with a
 * sentinel. What merely might be a reference is left out: a false one is an image that cannot be pulled.
 */
export function readReferences(object: RenderedObject, options: ReadOptions): Reading[] {
  const reader = new ObjectReader(object, options.known);
  reader.visit(object.value, [], '');
  return reader.readings;
}

/** The text at the place of `reading` in another render of the same object; `undefined` when that has no such place. */
export function readAgain(object: RenderedObject, reading: Reading): string | undefined {
  const value = getInObject(object.value, reading.path);
  if (reading.as === 'keys') return isMap(value) ? composeReference(value, true)?.text : undefined;
  if (typeof value !== 'string') return undefined;
  return reading.as === 'pod' ? value : tokensOf(value)[reading.index]?.text;
}

const containerLists = new Set(['containers', 'initContainers', 'ephemeralContainers']);

/** `label` is what names a value: its key, the flag or variable it belongs to. */
class ObjectReader {
  readonly readings: Reading[] = [];
  readonly #object: RenderedObject;
  readonly #known: ReadonlySet<string>;

  constructor(object: RenderedObject, known: ReadonlySet<string>) {
    this.#object = object;
    this.#known = known;
  }

  visit(value: unknown, path: ObjectPath, label: string): void {
    if (typeof value === 'string') this.#visitText(value, path, label);
    else if (Array.isArray(value)) this.#visitList(value, path, label);
    else if (isMap(value)) this.#visitMap(value, path, label);
  }

  #visitList(list: readonly unknown[], path: ObjectPath, label: string): void {
    for (const [index, item] of list.entries()) {
      const place = [...path, index];
      const previous = list[index - 1];
      const flag = typeof previous === 'string' && /^--?[\w-]+$/.test(previous) ? previous : label;
      if (containerLists.has(label) && isMap(item)) this.#visitPodPart(item, place, 'image');
      else if (label === 'volumes' && isMap(item) && isMap(item.image))
        this.#visitPodPart(item.image, [...place, 'image'], 'reference');
      else this.visit(item, place, flag);
    }
  }

  /** A container or an image volume: `key` holds its image. */
  #visitPodPart(part: Readonly<Record<string, unknown>>, path: ObjectPath, key: string): void {
    const image = part[key];
    if (typeof image === 'string' && image !== '' && image !== injectedImage) this.#add([...path, key], 'pod', 0, image, true);
    this.#visitEntries(part, path, new Set([key]));
  }

  #visitMap(map: Readonly<Record<string, unknown>>, path: ObjectPath, label: string): void {
    const composed = this.#composedIn(map, label);
    if (composed !== undefined) this.#add(path, 'keys', 0, composed.text, composed.pinned);
    this.#visitEntries(map, path, new Set(composed?.keys));
  }

  #composedIn(map: Readonly<Record<string, unknown>>, label: string): ReturnType<typeof composeReference> {
    const trustName = saysImage(label) || (typeof map.name === 'string' && hasSentinel(map.name));
    const composed = composeReference(map, trustName);
    if (composed === undefined) return undefined;
    if (hasSentinel(composed.text) || this.#known.has(composed.text)) return composed;
    const spelling = composed.pinned ? spellingOf(composed.text) : undefined;
    return spelling !== undefined && (spelling.host || saysImage(label)) ? composed : undefined;
  }

  #visitEntries(map: Readonly<Record<string, unknown>>, path: ObjectPath, done: ReadonlySet<string>): void {
    const { name, value } = map;
    const variable = typeof name === 'string' && typeof value === 'string' ? name : undefined;
    for (const [key, entry] of Object.entries(map)) {
      if (!done.has(key)) this.visit(entry, [...path, key], key === 'value' && variable !== undefined ? variable : key);
    }
  }

  #visitText(text: string, path: ObjectPath, label: string): void {
    const payload = payloadOf(text);
    if (payload !== undefined) this.visit(getInObject(text, [payload]), [...path, payload], label);
    else this.#visitTokens(text, path, label);
  }

  #visitTokens(text: string, path: ObjectPath, label: string): void {
    // A list of references has its name in front; prose and scripts have many words.
    const own = text.length < 4096 && /^[\w./:@+=,;\-\s]*$/.test(text) ? label : '';
    for (const [index, token] of tokensOf(text).entries()) {
      const probed = hasSentinel(token.text);
      if (!probed && !/[/:]/.test(token.text)) continue;
      const named = labelBefore(text, token) ?? own;
      const whole = text.trim().length === token.text.length;
      if (probed) this.#add(path, 'text', index, token.text, isComplete(withoutSentinels(token.text), named));
      else if (this.#isKnown(token, named) || this.#isCertain(token, named, whole))
        this.#add(path, 'text', index, token.text, true);
    }
  }

  #isKnown(token: Token, label: string): boolean {
    return this.#known.has(token.text) && (saysImage(label) || !isDocumentText(this.#object));
  }

  #isCertain(token: Token, label: string, whole: boolean): boolean {
    if (token.scheme !== undefined && !referenceSchemes.has(token.scheme)) return false;
    const spelling = spellingOf(token.text);
    if (spelling === undefined) return false;
    if (saysImage(label))
      return spelling.pinned ? spelling.host || token.text.includes('/') || whole : spelling.host && !/:\d+\//.test(token.text);
    return spelling.host && spelling.pinned && looksReleased(spelling.reference) && !isDocumentText(this.#object);
  }

  #add(path: ObjectPath, as: Reading['as'], index: number, text: string, complete: boolean): void {
    this.readings.push({ object: this.#object, path, as, index, text, complete });
  }
}

/** What Istio's webhook replaces by its own image. */
const injectedImage = 'auto';

const referenceSchemes = new Set(['docker', 'oci', 'docker-image', 'containers-storage']);

/** True for keys, flags and variables that hold an image by their name: `image`, `agentImage`, `--init-image`, `RELATED_IMAGE_X`. */
function saysImage(label: string): boolean {
  return (
    /images?$|^images?|image[-_]?(?:name|ref|reference|uri|repository|path)$|_image_/i.test(label) && !notAnImage.test(label)
  );
}

const notAnImage =
  /pull|polic|secret|(?:tag|version|digest|sha|hash|size|type|format|ids?|url|registry|prefix|suffix|dir|gc|scan(?:ner|ning)?)$/i;

/** The flag, variable or key written in front of a token in the same string: `--image=`, `IMAGE: `, `image = "`. */
function labelBefore(text: string, token: Token): string | undefined {
  const start = token.start - (token.scheme === undefined ? 0 : token.scheme.length + 3);
  const before = text.slice(Math.max(0, start - 100), start);
  return /([A-Za-z][\w.-]*)["']?\s*(?:=|:)\s*["']?$/.exec(before)?.[1] ?? /--?([A-Za-z][\w-]*)[ \t]+["']?$/.exec(before)?.[1];
}

function isComplete(text: string, label: string): boolean {
  const spelling = spellingOf(text);
  if (spelling === undefined) return false;
  return spelling.pinned || (saysImage(label) && text.includes('/') && !/base|default/i.test(label));
}

/** Host and tag alone do not make an image: `nvidia.com/gpu:1`, `node.kubernetes.io/role:NoSchedule`. */
function looksReleased(reference: { readonly tag?: string; readonly digest?: string }): boolean {
  return reference.digest !== undefined || /\d\.\d|^latest$/.test(reference.tag ?? '');
}

/** Free text in ConfigMaps and Secrets (scripts, dashboards, manuals) mentions images that nothing pulls. */
function isDocumentText(object: RenderedObject): boolean {
  return object.kind === 'ConfigMap' || object.kind === 'Secret';
}
