import type { RenderedObject } from '../manifest-stream.ts';
import { hasSentinel, withoutSentinels } from '../sentinel.ts';
import { isMap } from '../values-path.ts';
import { meaningOf, wordsOf } from './image-labels.ts';
import { inheritedAgain, inheritedNames } from './inherited-names.ts';
import { getInObject, type ObjectPath, payloadOf } from './payload.ts';
import { asReference, pathTokensOf, pinOf, type Spelling, spellingOf, tokensOf } from './reference-text.ts';
import { isOtherHost, isRegistryHost } from './registry-hosts.ts';
import { type ComposedReference, composeReference, pinKeys } from './sibling-keys.ts';
import { groupByStem, type NamedText, namedTexts, type StemGroup } from './stem-groups.ts';
import { isFileName, meaningOfToken } from './token-meaning.ts';

/**
 * One place where a reference stands in a rendered object.
 * `pod`: where a pod's images are. `keys`: spread over the keys of the map at `path`. `group`: spread over names with a common stem, of which
 * the string at `path` holds the beginning. `text`: token `index` of the string at `path`.
 */
export interface Reading {
  readonly object: RenderedObject;
  readonly path: ObjectPath;
  readonly as: 'pod' | 'keys' | 'group' | 'text';
  readonly index: number;
  readonly text: string;
  /** Spelled out far enough to be pulled: in a pod always, elsewhere with tag or digest, or under a name that says image. */
  readonly complete: boolean;
  /** Not complete, for want of a tag, but it becomes local like one that is: a program may still make an image of it. */
  readonly alsoLocal?: true;
  /** Of a `group`: the map or list of variables, and the stem there. */
  readonly group?:
    | { readonly path: ObjectPath; readonly stem: string }
    | { readonly path: ObjectPath; readonly name: readonly string[] };
}

export interface ReadOptions {
  /** Texts known to be references, which count wherever they stand. */
  readonly known: ReadonlySet<string>;
}

/**
 * Every place of `object` where a reference stands for certain, payloads of ConfigMaps and Secrets included, and every place with a
 * sentinel. What merely might be a reference is left out: a false one is an image that cannot be pulled.
 */
export function readReferences(object: RenderedObject, { known }: ReadOptions): Reading[] {
  return readingsOf(object).flatMap(({ certain, ...reading }) => (certain || known.has(reading.text) ? [reading] : []));
}

/** `readReferences` of a whole render: a reference that is certain in one place counts wherever it stands, written out with its tag. */
export function readAllReferences(objects: readonly RenderedObject[]): Reading[] {
  const all = objects.flatMap(readingsOf);
  const texts = all.flatMap(({ certain, text }) => (certain ? [text] : []));
  const known = new Set(texts.filter((text) => pinOf(text) !== '' && /\/|\d\.\d|@/.test(text)));
  return all.flatMap(({ certain, ...reading }) => (certain || known.has(reading.text) ? [reading] : []));
}

/** The text at the place of `reading` in another render of the same object; `undefined` when that has no such place. */
export function readAgain(object: RenderedObject, reading: Reading): string | undefined {
  if (reading.group !== undefined) {
    const { group } = reading;
    const container = getInObject(object.value, group.path);
    if ('name' in group) return inheritedAgain(container, group.name);
    return groupByStem(namedTexts(container)).find(({ stem }) => stem === group.stem)?.text;
  }
  const value = getInObject(object.value, reading.path);
  if (reading.as === 'keys') return isMap(value) ? composeReference(value, true)?.text : undefined;
  if (typeof value !== 'string') return undefined;
  return reading.as === 'pod' ? value : tokensOf(value)[reading.index]?.text;
}

/** A reading that counts only if its text is known to be a reference, unless `certain`. */
type PossibleReading = Reading & { readonly certain: boolean };

function readingsOf(object: RenderedObject): PossibleReading[] {
  const reader = new ObjectReader(object);
  reader.visit(object.value, [], '');
  return reader.readings;
}

const containerLists = new Set(['containers', 'initContainers', 'ephemeralContainers']);
const documentKinds = new Set(['ConfigMap', 'Secret']);

/** What Istio's webhook replaces by its own image. */
const injectedImage = 'auto';

type Map = Readonly<Record<string, unknown>>;
const nothing: ReadonlySet<never> = new Set();

/** `label` is what names a value: its key, the flag or variable it belongs to. */
class ObjectReader {
  readonly readings: PossibleReading[] = [];
  readonly #object: RenderedObject;
  readonly #inDocument: boolean;

  constructor(object: RenderedObject) {
    this.#object = object;
    this.#inDocument = documentKinds.has(object.kind);
  }

  visit(value: unknown, path: ObjectPath, label: string): void {
    if (typeof value === 'string') this.#visitText(value, path, label);
    else if (Array.isArray(value)) this.#visitList(value, path, label);
    else if (isMap(value)) this.#visitMap(value, path, label);
  }

  #visitList(list: readonly unknown[], path: ObjectPath, label: string): void {
    const done = this.#visitGroups(list, path, nothing);
    for (const [index, item] of list.entries()) {
      const place = [...path, index];
      const previous = list[index - 1];
      const flag = typeof previous === 'string' && /^--?[\w-]+$/.test(previous) ? previous : label;
      if (done.has(index)) continue;
      if (containerLists.has(label) && isMap(item)) this.#visitPodPart(item, place, 'image');
      else if (label === 'volumes' && isMap(item) && isMap(item.image))
        this.#visitPodPart(item.image, [...place, 'image'], 'reference');
      else this.visit(item, place, flag);
    }
  }

  /** A container or an image volume: `key` holds its image. */
  #visitPodPart(part: Map, path: ObjectPath, key: string): void {
    const image = part[key];
    if (typeof image === 'string' && image !== '' && image !== injectedImage)
      this.#add({ path: [...path, key], as: 'pod', text: image, complete: true });
    this.#visitEntries(part, path, new Set([key]));
  }

  #visitMap(map: Map, path: ObjectPath, label: string): void {
    if (isContainer(map)) {
      this.#visitPodPart(map, path, 'image');
      return;
    }
    const trusted = meaningOf(label).image || (typeof map.name === 'string' && hasSentinel(map.name));
    const composed = composeReference(map, trusted);
    const certain = composed !== undefined && isImage(composed, map, label);
    if (composed !== undefined && (certain || composed.pinned))
      this.#add({ path, as: 'keys', text: composed.text, complete: composed.pinned, certain, ...this.#openEnd(composed) });
    const grouped = this.#visitGroups(map, path, new Set(composed?.keys));
    for (const [index, { text, lead, name }] of inheritedNames(map).entries())
      this.#add({ path: [...path, lead], as: 'group', index, text, complete: true, group: { path, name } });
    this.#visitEntries(map, path, new Set([...grouped, ...(certain ? composed.keys : [])]));
  }

  /** In a document, a map without a tag is as likely one that nothing reads. */
  #openEnd({ pinned }: ComposedReference): Pick<Reading, 'alsoLocal'> {
    return pinned || !this.#inDocument ? {} : { alsoLocal: true };
  }

  /** References spread over the names of a map or of a list of variables, `taken` aside; returns the keys or indexes that are read by it. */
  #visitGroups(value: unknown, path: ObjectPath, taken: ReadonlySet<string | number>): ReadonlySet<string | number> {
    const read = new Set<string | number>();
    for (const group of groupByStem(namedTexts(value).filter(({ steps }) => !taken.has(steps[0])))) {
      if (!isImageGroup(group)) continue;
      const { stem, text, pinned, lead, members } = group;
      this.#add({ path: [...path, ...lead.steps], as: 'group', text, complete: pinned, group: { path, stem } });
      for (const { steps } of members) read.add(steps[0]);
    }
    return read;
  }

  #visitEntries(map: Map, path: ObjectPath, done: ReadonlySet<string | number>): void {
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
    const tokens = hasSentinel(text) ? tokensOf(text).entries() : pathTokensOf(text);
    for (const [index, token] of tokens) {
      const probed = hasSentinel(token.text);
      if (!probed && !/[/:]/.test(token.text)) continue;
      const meaning = meaningOfToken({ token, text, label, inDocument: this.#inDocument }, probed);
      if (meaning === 'none') continue;
      const certain = meaning !== 'possible';
      this.#add({ path, as: 'text', index, text: token.text, complete: meaning !== 'unfinished', certain });
    }
  }

  #add(reading: Omit<PossibleReading, 'object' | 'index' | 'certain'> & { index?: number; certain?: boolean }): void {
    this.readings.push({ index: 0, certain: true, ...reading, object: this.#object });
  }
}

const runKeys = ['command', 'args', 'volumeMounts', 'source'];
const containerKeys = [...runKeys, 'env', 'envFrom', 'imagePullPolicy'];

/** A container outside of the lists of a pod, as workflows have it. */
function isContainer(map: Map): boolean {
  const { image } = map;
  if (typeof image !== 'string' || !containerKeys.some((key) => Object.hasOwn(map, key))) return false;
  if (pinKeys.some((key) => Object.hasOwn(map, key)) || Object.hasOwn(map, 'repository') || Object.hasOwn(map, 'registry'))
    return false;
  // A bare word is an image only beside what it runs.
  const runs = /[/:]/.test(withoutSentinels(image)) || runKeys.some((key) => Object.hasOwn(map, key));
  return runs && !isFileName(image) && asReference(image) !== undefined;
}

/** Keys of maps that speak of code or charts with words of images. */
const otherKeys = ['chart', 'chartName', 'repoURL', 'url', 'branch', 'revision', 'git'];
const otherLabels = new Set(['git', 'source', 'sources', 'chart', 'charts', 'repo', 'repos', 'repository']);

function isImage(composed: ComposedReference, map: Map, label: string): boolean {
  if (otherKeys.some((key) => Object.hasOwn(map, key))) return false;
  const plain = spellingOf(withoutSentinels(composed.text));
  if (plain?.host && isOtherHost(plain.reference.host)) return false;
  if (hasSentinel(composed.text)) return true;
  if (!composed.pinned) return isRepositoryOfImage(plain, map, label);
  const spelling = plain;
  if (spelling === undefined) return false;
  if (spelling.host || meaningOf(label).image) return true;
  const isPair = composed.keys.some((key) => key !== 'version' && pinKeys.includes(key)) && composed.text.includes('/');
  return isPair && !wordsOf(label).some((word) => otherLabels.has(word));
}

/** Host and path under a name that says image, beside an empty key for the tag. */
function isRepositoryOfImage(spelling: Spelling | undefined, map: Map, label: string): boolean {
  const isOpen = pinKeys.some((key) => Object.hasOwn(map, key) && (map[key] === '' || map[key] === null));
  return isOpen && meaningOf(label).image && spelling?.host === true && spelling.reference.repository !== '';
}

function isImageGroup({ text, pinned, telling, members }: StemGroup<NamedText>): boolean {
  const spelling = spellingOf(withoutSentinels(text));
  if (spelling?.host && isOtherHost(spelling.reference.host)) return false;
  if (hasSentinel(text)) return true;
  if (spelling === undefined) return false;
  if (spelling.host && isRegistryHost(spelling.reference.host)) return true;
  const saysImage = text.includes('/') && members.some(({ name }) => /image/i.test(name));
  return pinned && (saysImage || (spelling.host && telling));
}
