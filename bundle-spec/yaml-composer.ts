import { EVENT_ID, type Event, getScalarValue, parseEvents, SCALAR_STYLE, type ScalarEvent, YAMLException } from 'js-yaml';
import { resolvePlain, resolveTagged, type Scalar, scalarKey } from './yaml-scalar.ts';

/** Offsets into the text; -1 where there is none. `end` is set for unquoted scalars only. */
export interface Place {
  readonly key: number;
  readonly value: number;
  readonly end: number;
}

/** Where the members of every mapping and list stand. Shared members (aliases, merge keys) stand where they were first written. */
export type Places = WeakMap<object, Map<string | number, Place>>;

export interface DuplicateKey {
  readonly key: string;
  readonly offset: number;
  /** Where the key stands first. */
  readonly first: number;
}

export interface Composed {
  readonly documents: unknown[];
  readonly places: Places;
  /** Keys given more than once; the last one won, as in helm. */
  readonly duplicates: DuplicateKey[];
}

/**
 * The documents of a YAML text as JSON values, as helm reads them: js-yaml parses, but the values are made here, because
 * go-yaml's rules for scalars, keys and merges are those of no js-yaml schema. Throws YAMLException with a position.
 */
export function composeYaml(text: string, filename: string): Composed {
  const events = parseEvents(text, { filename, maxDepth: 1000 });
  const composer = new Composer(text, filename, events);
  return { documents: composer.documents(), places: composer.places, duplicates: composer.duplicates };
}

interface Node {
  readonly value: unknown;
  readonly scalar?: Scalar;
  readonly place: Omit<Place, 'key'>;
  /** A block collection or block text: its key is the better place to point at. */
  readonly block: boolean;
  /** An unquoted `<<`. */
  readonly merge: boolean;
  readonly alias?: boolean;
}

class Composer {
  readonly places: Places = new WeakMap();
  readonly duplicates: DuplicateKey[] = [];
  readonly #anchors = new Map<string, Node>();
  readonly #text: string;
  readonly #filename: string;
  readonly #events: readonly Event[];
  #next = 0;

  constructor(text: string, filename: string, events: readonly Event[]) {
    this.#text = text;
    this.#filename = filename;
    this.#events = events;
  }

  documents(): unknown[] {
    const documents: unknown[] = [];
    while (this.#next < this.#events.length) {
      this.#next++; // the event that opens the document
      this.#anchors.clear();
      documents.push(this.#node().value);
      this.#next++; // and the one that closes it
    }
    return documents;
  }

  #node(): Node {
    const event = this.#events[this.#next++];
    switch (event?.type) {
      case EVENT_ID.SCALAR:
        return this.#anchored(event, this.#scalar(event));
      case EVENT_ID.SEQUENCE:
        return this.#anchored(event, this.#sequence(event.start));
      case EVENT_ID.MAPPING:
        return this.#anchored(event, this.#mapping(event.start));
      case EVENT_ID.ALIAS:
        return this.#alias(this.#text.slice(event.anchorStart, event.anchorEnd), event.anchorStart - 1);
      default:
        throw new Error(`js-yaml gave the event ${JSON.stringify(event)} where a value has to begin`);
    }
  }

  #anchored(event: { readonly anchorStart: number; readonly anchorEnd: number }, node: Node): Node {
    if (event.anchorStart !== -1) this.#anchors.set(this.#text.slice(event.anchorStart, event.anchorEnd), node);
    return node;
  }

  #alias(name: string, offset: number): Node {
    const node = this.#anchors.get(name) ?? this.#fail(offset, 'unknown anchor; a text that begins with "*" needs quotes');
    return { ...node, place: { value: offset, end: -1 }, block: false, merge: false, alias: true };
  }

  #scalar(event: ScalarEvent): Node {
    const text = event.valueStart === -1 ? '' : getScalarValue(this.#text, event);
    const plain = event.style === SCALAR_STYLE.PLAIN;
    const tag = event.tagStart === -1 ? undefined : this.#text.slice(event.tagStart, event.tagEnd);
    const quoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
    const start = quoted ? event.valueStart - 1 : event.valueStart;
    const scalar = this.#resolve(text, tag, plain, Math.max(start, event.tagStart));
    return {
      value: scalar.value,
      scalar,
      place: { value: start, end: plain ? event.valueEnd : -1 },
      block: !plain && !quoted,
      merge: text === '<<' && (plain ? tag === undefined || /merge>?$/.test(tag) : false),
    };
  }

  #resolve(text: string, tag: string | undefined, plain: boolean, offset: number): Scalar {
    if (tag === undefined) return plain ? resolvePlain(text) : { kind: 'string', value: text };
    return resolveTagged(text, tag) ?? this.#fail(offset, `what stands here is no ${tag}`);
  }

  #sequence(start: number): Node {
    const value: unknown[] = [];
    const places = new Map<string | number, Place>();
    while (!this.#closes()) {
      const item = this.#node();
      places.set(value.length, { key: -1, ...item.place });
      value.push(this.#json(item));
    }
    this.places.set(value, places);
    return { value, place: { value: start, end: -1 }, block: this.#text[start] !== '[', merge: false };
  }

  #mapping(start: number): Node {
    const value: Record<string, unknown> = {};
    const places = new Map<string | number, Place>();
    this.places.set(value, places);
    const written = new Map<string, number>();
    while (!this.#closes()) {
      const key = this.#node();
      const node = this.#node();
      if (key.merge) {
        this.#mergeInto(value, node, key.place.value);
        continue;
      }
      const name = this.#key(key, start);
      const offset = key.place.value === -1 ? start : key.place.value;
      const first = written.get(name);
      if (first !== undefined) this.duplicates.push({ key: name, offset, first });
      else written.set(name, offset);
      define(value, name, this.#json(node));
      places.set(name, { key: offset, ...(node.block ? { value: offset, end: -1 } : node.place) });
    }
    return { value, place: { value: start, end: -1 }, block: this.#text[start] !== '{', merge: false };
  }

  /** A merge counts where it stands: it wins over the keys before it (as in go-yaml, unlike the specification). */
  #mergeInto(target: Record<string, unknown>, source: Node, offset: number): void {
    const isList = Array.isArray(source.value) && source.alias !== true;
    const sources: unknown[] = isList ? source.value.toReversed() : [source.value];
    for (const merged of sources) {
      if (typeof merged !== 'object' || merged === null || Array.isArray(merged)) {
        this.#fail(offset, 'only a mapping or a list of mappings can be merged');
      }
      for (const [name, value] of Object.entries(merged)) {
        define(target, name, value);
        const place = this.places.get(merged)?.get(name);
        if (place !== undefined) this.places.get(target)?.set(name, place);
      }
    }
  }

  #key(node: Node, start: number): string {
    const offset = node.place.value === -1 ? start : node.place.value;
    const key = node.scalar === undefined ? undefined : scalarKey(node.scalar);
    return key ?? this.#fail(offset, 'a key has to be text, a number or true/false');
  }

  #json(node: Node): unknown {
    if (typeof node.value !== 'number' || Number.isFinite(node.value)) return node.value;
    return this.#fail(node.place.value, 'infinity and "not a number" cannot be written in JSON');
  }

  #closes(): boolean {
    if (this.#events[this.#next]?.type !== EVENT_ID.POP) return false;
    this.#next++;
    return true;
  }

  #fail(offset: number, reason: string): never {
    return YAMLException.throwAt(this.#text, Math.max(offset, 0), reason, this.#filename);
  }
}

/** Sets a member, also one named `__proto__`. */
function define(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') target[name] = value;
  else Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}
