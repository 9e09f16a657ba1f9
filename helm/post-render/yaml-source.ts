import { EVENT_ID, type Event, getScalarValue, parseEvents, SCALAR_STYLE, type ScalarEvent } from 'js-yaml';
import { resolvePlain, scalarKey } from '../../bundle-spec/yaml-scalar.ts';

/** A string, number or the like, and where its source stands. */
export interface SourceScalar {
  readonly kind: 'scalar';
  readonly text: string;
  readonly style: 'plain' | 'quoted' | 'block';
  /** Of what stands between quotes, or below the header of a block; -1 where nothing stands. */
  readonly start: number;
  readonly end: number;
}

/** A map and its members by the names of their keys. */
export interface SourceMap {
  readonly kind: 'map';
  /** Of its `{`, or of its first key. */
  readonly start: number;
  readonly flow: boolean;
  readonly members: ReadonlyMap<string, SourceMember>;
}

/** What stands at a key. */
export interface SourceMember {
  /** Where the source of the key ends, without a quote. */
  readonly keyEnd: number;
  readonly node: SourceNode;
}

/** A list and its items. */
export interface SourceList {
  readonly kind: 'list';
  /** Of its `[`, or of its first dash. */
  readonly start: number;
  readonly flow: boolean;
  readonly items: readonly SourceNode[];
}

export type SourceNode = SourceScalar | SourceMap | SourceList;

/**
 * The documents of a YAML text with the place of everything in them, for changes that leave all other bytes alone. Keys are those of
 * `parseYaml11`; an alias is the node that it names. Throws js-yaml's YAMLException.
 */
export function readSource(text: string): SourceNode[] {
  return new SourceReader(text, parseEvents(text, { maxDepth: 1000 })).documents();
}

/** What stands at `path`; `undefined` where there is nothing. */
export function nodeAt(root: SourceNode | undefined, path: readonly (string | number)[]): SourceNode | undefined {
  let node = root;
  for (const step of path) {
    if (node?.kind === 'map') node = node.members.get(String(step))?.node;
    else node = node?.kind === 'list' && typeof step === 'number' ? node.items[step] : undefined;
  }
  return node;
}

class SourceReader {
  readonly #text: string;
  readonly #events: readonly Event[];
  readonly #anchors = new Map<string, SourceNode>();
  #next = 0;

  constructor(text: string, events: readonly Event[]) {
    this.#text = text;
    this.#events = events;
  }

  documents(): SourceNode[] {
    const documents: SourceNode[] = [];
    while (this.#next < this.#events.length) {
      this.#next++; // the event that opens the document
      this.#anchors.clear();
      documents.push(this.#node());
      this.#next++; // and the one that closes it
    }
    return documents;
  }

  #node(): SourceNode {
    const event = this.#events[this.#next++];
    if (event?.type === EVENT_ID.ALIAS) {
      const node = this.#anchors.get(this.#text.slice(event.anchorStart, event.anchorEnd));
      return node ?? { kind: 'scalar', text: '', style: 'plain', start: -1, end: -1 };
    }
    if (event?.type !== EVENT_ID.SCALAR && event?.type !== EVENT_ID.SEQUENCE && event?.type !== EVENT_ID.MAPPING)
      throw new Error('js-yaml gave no value where one has to begin');
    const node = this.#valueOf(event);
    if (event.anchorStart !== -1) this.#anchors.set(this.#text.slice(event.anchorStart, event.anchorEnd), node);
    return node;
  }

  #valueOf(event: Extract<Event, { readonly anchorStart: number; readonly tagStart: number }>): SourceNode {
    if (event.type === EVENT_ID.SCALAR) return this.#scalar(event);
    return event.type === EVENT_ID.SEQUENCE ? this.#list(event.start) : this.#map(event.start);
  }

  #scalar(event: ScalarEvent): SourceScalar {
    const { valueStart: start, valueEnd: end, style } = event;
    const text = start === -1 ? '' : getScalarValue(this.#text, event);
    const quoted = style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED;
    return { kind: 'scalar', text, style: quoted ? 'quoted' : style === SCALAR_STYLE.PLAIN ? 'plain' : 'block', start, end };
  }

  #list(start: number): SourceList {
    const items: SourceNode[] = [];
    while (!this.#closes()) items.push(this.#node());
    return { kind: 'list', start, flow: this.#text[start] === '[', items };
  }

  #map(start: number): SourceMap {
    const members = new Map<string, SourceMember>();
    while (!this.#closes()) {
      const key = this.#node();
      const node = this.#node();
      if (key.kind !== 'scalar') continue;
      if (key.text === '<<' && key.style === 'plain') merge(members, node);
      else members.set(nameOf(key), { keyEnd: key.end, node });
    }
    return { kind: 'map', start, flow: this.#text[start] === '{', members };
  }

  #closes(): boolean {
    if (this.#events[this.#next]?.type !== EVENT_ID.POP) return false;
    this.#next++;
    return true;
  }
}

/** As in `composeYaml`: a merge wins over the keys before it, and of several maps the first wins. */
function merge(members: Map<string, SourceMember>, source: SourceNode): void {
  for (const map of source.kind === 'list' ? source.items.toReversed() : [source]) {
    if (map.kind === 'map') for (const [name, member] of map.members) members.set(name, member);
  }
}

function nameOf(key: SourceScalar): string {
  return (key.style === 'plain' ? scalarKey(resolvePlain(key.text)) : undefined) ?? key.text;
}
