import type { Values } from '../../bundle-spec/values-layer.ts';
import { always, and, type Condition, not, unknown } from '../gates/gate-condition.ts';
import { isTruthy } from '../gates/value-test.ts';
import { getAt, isMap, type Path } from '../values-path.ts';
import { known, opaque, type Term, truthOf } from './template-term.ts';

/** One turn of a loop. */
export interface LoopItem {
  readonly key: Term;
  readonly item: Term;
  readonly opens: Condition;
}

/** How templates use a value: keys read below it, and what they range over. */
export interface ValueUse {
  readonly children: Set<string>;
  ranged?: 'list' | 'map';
  /** `set`: only where it is set. */
  printed?: 'always' | 'set';
}

/** What a loop needs of the walk. */
export interface LoopContext {
  readonly values: Values;
  /** Where what the loop tells of a value is noted. */
  readonly useOf: (path: Path) => ValueUse;
}

const mostItems = 24;

/** What a loop over `whole` goes over, at most 24 items; `keyed` where it names a key too. An empty list or map has one item that is not there yet. */
export function loopItems(whole: Term, keyed: boolean, context: LoopContext): LoopItem[] {
  const items: LoopItem[] = [];
  const seen = new Set<Term>();
  const queue: { term: Term; opens: Condition }[] = [{ term: whole, opens: always }];
  for (let next = queue.shift(); next !== undefined && items.length < mostItems; next = queue.shift()) {
    const { term, opens } = next;
    if (seen.has(term)) continue;
    seen.add(term);
    if (term.kind === 'choice') {
      queue.push({ term: term.then, opens: and(opens, term.when) }, { term: term.otherwise, opens: and(opens, not(term.when)) });
    } else if (term.kind === 'merged') queue.push(...term.terms.map((one) => ({ term: one, opens })));
    else if (term.kind === 'opaque') queue.push(...term.shows.map((one) => ({ term: one, opens: and(opens, unknown) })));
    else items.push(...plainItems(term, keyed, context).map((item) => ({ ...item, opens: and(opens, item.opens) })));
  }
  return items.length === 0 && whole.kind === 'opaque'
    ? [{ key: opaque, item: opaque, opens: unknown }]
    : items.slice(0, mostItems);
}

function plainItems(term: Term, keyed: boolean, context: LoopContext): LoopItem[] {
  if (term.kind === 'value') return itemsOfValue(term.path, keyed, context);
  if (term.kind === 'known') {
    return entriesOf(term.value).map(([key, value]) => ({ key: known(key), item: known(value), opens: always }));
  }
  if (term.kind === 'map') return [...term.entries].map(([key, item]) => ({ key: known(key), item, opens: always }));
  if (term.kind === 'files') {
    return [...term.files].map(([path, body]) => ({ key: known(path), item: known(body.toString('utf8')), opens: always }));
  }
  if (term.kind === 'list') return term.items.map((item, index) => ({ key: known(index), item, opens: always }));
  return [{ key: opaque, item: opaque, opens: unknown }];
}

function itemsOfValue(path: Path, keyed: boolean, { values, useOf }: LoopContext): LoopItem[] {
  const current = getAt(values, path);
  const use = useOf(path);
  if (isTruthy(current)) {
    return entriesOf(current).map(([key]) => ({
      key: known(key),
      item: { kind: 'value', path: [...path, key] },
      opens: always,
    }));
  }
  use.ranged = isMap(current) || (keyed && !Array.isArray(current)) ? 'map' : 'list';
  const key = use.ranged === 'map' ? 'placeholder' : 0;
  return [{ key: known(key), item: { kind: 'value', path: [...path, key] }, opens: truthOf({ kind: 'value', path }) }];
}

function entriesOf(value: unknown): [string | number, unknown][] {
  if (Array.isArray(value)) return value.slice(0, mostItems).map((item, index) => [index, item]);
  return isMap(value) ? Object.entries(value) : [];
}
