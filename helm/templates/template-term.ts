import { always, and, type Condition, never, not, or, testOf, truth, unknown } from '../gates/gate-condition.ts';
import { isTruthy, passes, type ValueTest } from '../gates/value-test.ts';
import { getAt, isMap, type Path } from '../values-path.ts';

/** What an expression of a template is, seen without rendering it. */
export type Term =
  | { readonly kind: 'known'; readonly value: unknown }
  /** A place in the values of the release. `root` where it is all values of a chart, whose `global` lies elsewhere. */
  | { readonly kind: 'value'; readonly path: Path; readonly root?: boolean }
  | { readonly kind: 'map'; readonly entries: Map<string, Term> }
  | { readonly kind: 'list'; readonly items: readonly Term[] }
  | { readonly kind: 'choice'; readonly when: Condition; readonly then: Term; readonly otherwise: Term; readonly size: number }
  | { readonly kind: 'merged'; readonly terms: readonly Term[] }
  | { readonly kind: 'truth'; readonly condition: Condition }
  /** What a template printed. */
  | { readonly kind: 'output'; readonly parts: readonly Part[] }
  | { readonly kind: 'length' | 'type'; readonly of: Term }
  | { readonly kind: 'cluster'; readonly part: 'capabilities' | 'version' | 'minor' | 'apis' }
  | { readonly kind: 'files'; readonly files: ReadonlyMap<string, Buffer> }
  /** Something made of `shows` in a way that is not followed. */
  | { readonly kind: 'opaque'; readonly shows: readonly Term[] };

/** A piece of what a template prints, and when. */
export interface Part {
  readonly guard: Condition;
  readonly term: Term;
  /** `shop/templates/pod.yaml:12`. */
  readonly where: string;
}

export const nothing: Term = { kind: 'known', value: undefined };
export const opaque: Term = { kind: 'opaque', shows: [] };

export function known(value: unknown): Term {
  return { kind: 'known', value };
}

const largestChoice = 48;

export function choice(when: Condition, then: Term, otherwise: Term): Term {
  if (when.kind === 'always') return then;
  if (when.kind === 'never' || then === otherwise) return otherwise;
  const size = sizeOf(then) + sizeOf(otherwise);
  return size > largestChoice ? { kind: 'opaque', shows: [then, otherwise] } : { kind: 'choice', when, then, otherwise, size };
}

function sizeOf(term: Term): number {
  return term.kind === 'choice' ? term.size : 1;
}

/** The condition that `leaf` gives for the term, for each of the choices where there are several. */
export function distribute(term: Term, leaf: (term: Term) => Condition): Condition {
  if (term.kind !== 'choice') return leaf(term);
  return or(and(term.when, distribute(term.then, leaf)), and(not(term.when), distribute(term.otherwise, leaf)));
}

const truths = new WeakMap<Term, Condition>();

/** When the term counts as true. The same term gives the same condition. */
export function truthOf(term: Term): Condition {
  const before = truths.get(term);
  if (before !== undefined) return before;
  const condition = findTruth(term);
  truths.set(term, condition);
  return condition;
}

function findTruth(term: Term): Condition {
  switch (term.kind) {
    case 'known':
      return truth(isTruthy(term.value));
    case 'value':
      return term.root ? always : testOf(term.path, { is: 'truthy' });
    case 'map':
      return truth(term.entries.size > 0);
    case 'list':
      return truth(term.items.length > 0);
    case 'choice':
      return truthOfChoice(term);
    case 'merged':
      return or(...term.terms.map(truthOf));
    case 'truth':
      return term.condition;
    case 'output':
      return or(...term.parts.map(({ guard, term: part }) => and(guard, printsText(part))));
    case 'length':
      return testLength(term.of, 0);
    case 'type':
    case 'cluster':
      return always;
    default:
      return unknown;
  }
}

/** `and` gives its first operand when that is false, `or` when it is true: then the question need not be asked twice. */
function truthOfChoice({ when, then, otherwise }: Term & { kind: 'choice' }): Condition {
  if (truthOf(otherwise) === when) return and(when, truthOf(then));
  if (truthOf(then) === when) return or(when, truthOf(otherwise));
  return or(and(when, truthOf(then)), and(not(when), truthOf(otherwise)));
}

function printsText(term: Term): Condition {
  return term.kind === 'known' ? truth(String(term.value ?? '').trim() !== '') : truthOf(term);
}

function testLength(term: Term, count: number): Condition {
  return distribute(term, (leaf) => {
    if (leaf.kind === 'value') return testOf(leaf.path, count === 0 ? { is: 'truthy' } : { is: 'longer', value: count });
    if (leaf.kind === 'list') return truth(leaf.items.length > count);
    if (leaf.kind === 'map') return truth(leaf.entries.size > count);
    return leaf.kind === 'known' ? truth(passes({ is: 'longer', value: count }, leaf.value)) : unknown;
  });
}

const tested = new WeakMap<Term, Map<string, Condition>>();

/** When the term passes the test. The same term and test give the same condition. */
export function testTerm(term: Term, test: ValueTest): Condition {
  const ofTerm = tested.get(term) ?? new Map<string, Condition>();
  tested.set(term, ofTerm);
  const key = `${test.is} ${'value' in test ? JSON.stringify(test.value) : ''}`;
  const condition = ofTerm.get(key) ?? findTest(term, test);
  ofTerm.set(key, condition);
  return condition;
}

function findTest(term: Term, test: ValueTest): Condition {
  return distribute(term, (leaf) => {
    switch (leaf.kind) {
      case 'known':
        return truth(passes(test, leaf.value));
      case 'value':
        return leaf.root ? unknown : testOf(leaf.path, test);
      case 'truth':
        return or(and(leaf.condition, truth(passes(test, true))), and(not(leaf.condition), truth(passes(test, false))));
      case 'output':
        return testOutput(leaf.parts, test);
      case 'map':
        return test.is === 'equal' ? never : truth(passes(test, leaf.entries.size === 0 ? {} : { key: true }));
      case 'list':
        return testList(leaf.items, test);
      case 'merged':
        return or(...leaf.terms.map((term) => testTerm(term, test)));
      case 'length':
        return testOfLength(leaf.of, test);
      case 'type':
        return test.is === 'equal' ? testTerm(leaf.of, { is: 'kind', value: String(test.value) }) : unknown;
      case 'cluster':
        return testCluster(leaf.part, test);
      default:
        return unknown;
    }
  });
}

function testList(items: readonly Term[], test: ValueTest): Condition {
  if (test.is === 'including') return or(...items.map((item) => testTerm(item, { is: 'equal', value: test.value })));
  return test.is === 'kind' || test.is === 'longer' ? truth(passes(test, items)) : unknown;
}

/** A helper that prints one word in one branch and another word elsewhere passes where the branch of a fitting word does. */
function testOutput(parts: readonly Part[], test: ValueTest): Condition {
  const printed = parts.filter(({ term }) => term.kind !== 'known' || String(term.value).trim() !== '');
  const passing = printed.map(({ guard, term }) =>
    and(guard, term.kind === 'known' ? truth(passes(test, String(term.value).trim())) : testTerm(term, test)),
  );
  const silent = passes(test, '') ? [not(or(...printed.map(({ guard }) => guard)))] : [];
  return or(...passing, ...silent);
}

function testOfLength(term: Term, test: ValueTest): Condition {
  const bound = 'value' in test ? Number(test.value) : 0;
  if (test.is === 'greater') return testLength(term, bound);
  if (test.is === 'less') return not(testLength(term, bound - 1));
  if (test.is === 'equal')
    return bound === 0 ? not(testLength(term, 0)) : and(testLength(term, bound - 1), not(testLength(term, bound)));
  return unknown;
}

function testCluster(part: string, test: ValueTest): Condition {
  if (part === 'apis' && test.is === 'including') return { kind: 'api', version: String(test.value) };
  if (part !== 'minor' || !('value' in test)) return unknown;
  const bound = `1.${Number(test.value)}`;
  if (test.is === 'greater') return { kind: 'kubernetes', range: `>${bound}` };
  if (test.is === 'less') return { kind: 'kubernetes', range: `<${bound}` };
  return test.is === 'equal' ? { kind: 'kubernetes', range: bound } : unknown;
}

/** The field or map key `key` of the term. */
export function fieldOf(term: Term, key: string): Term {
  switch (term.kind) {
    case 'known':
      return known(isMap(term.value) ? getAt(term.value, [key]) : undefined);
    case 'value':
      return { kind: 'value', path: term.root && key === 'global' ? [key] : [...term.path, key] };
    case 'map':
      return term.entries.get(key) ?? nothing;
    case 'choice':
      return choice(term.when, fieldOf(term.then, key), fieldOf(term.otherwise, key));
    case 'merged':
      return fieldOfMerged(term.terms, key);
    case 'output':
      return fieldOfOutput(term.parts, key);
    case 'cluster':
      return fieldOfCluster(term.part, key);
    default:
      return { kind: 'opaque', shows: [] };
  }
}

/** The first of the merged maps that has the key decides. */
function fieldOfMerged(terms: readonly Term[], key: string): Term {
  return terms.toReversed().reduce<Term>((otherwise, term) => {
    const field = fieldOf(term, key);
    return otherwise === nothing ? field : choice(testTerm(field, { is: 'present' }), field, otherwise);
  }, nothing);
}

/** Reads `key: …` from what a helper printed as YAML: a scalar, or the lines below it that are indented more. */
function fieldOfOutput(parts: readonly Part[], key: string): Term {
  const lines = parts.flatMap((part, index) => linesWith(key, part, index));
  const outermost = Math.min(...lines.map(({ indent }) => indent));
  let found: Term = { kind: 'opaque', shows: [] };
  for (const { indent, index, text, end } of lines) {
    if (indent > outermost) continue;
    const [own, next] = [parts[index], parts[index + 1]];
    if (own === undefined) continue;
    const isPrinted = text === '' && end === sourceOf(own).length && !sourceOf(own).endsWith('\n');
    if (isPrinted && next !== undefined) found = choice(next.guard, next.term, found);
    else if (text === '') found = choice(own.guard, { kind: 'output', parts: blockAfter(parts, { index, end, indent }) }, found);
    else found = choice(own.guard, known(plainScalar(text)), found);
  }
  const inner = parts.flatMap(({ guard, term }) =>
    term.kind === 'output' ? [{ guard, term: fieldOfOutput(term.parts, key) }] : [],
  );
  return lines.length > 0
    ? found
    : inner.reduce((rest, { guard, term }) => (term.kind === 'opaque' ? rest : choice(guard, term, rest)), found);
}

interface KeyLine {
  readonly index: number;
  readonly indent: number;
  /** What stands behind the key. */
  readonly text: string;
  /** Where the line ends in its part. */
  readonly end: number;
}

function sourceOf({ term }: Part): string {
  return term.kind === 'known' && typeof term.value === 'string' ? term.value : '';
}

function linesWith(key: string, part: Part, index: number): KeyLine[] {
  const source = sourceOf(part);
  if (!source.includes(key)) return [];
  const name = key.replace(/\W/g, '\\$&');
  const line = new RegExp(`(?<=^|\\n)([ \\t]*)["']?${name}["']?:[ \\t]*["']?([^\\n"']*)["']?[ \\t]*(?=\\n|$)`, 'g');
  return [...source.matchAll(line)].map((match) => ({
    index,
    indent: match[1]?.length ?? 0,
    text: match[2]?.trim() ?? '',
    end: match.index + match[0].length,
  }));
}

/** What stands below a line, up to the next line that is indented no more. */
function blockAfter(parts: readonly Part[], { index, end, indent }: Pick<KeyLine, 'index' | 'end' | 'indent'>): Part[] {
  const block: Part[] = [];
  const over = new RegExp(`\\n {0,${indent}}[^\\s#]`);
  for (const [offset, part] of parts.slice(index).entries()) {
    if (part.term.kind !== 'known') {
      block.push(part);
      continue;
    }
    const source = offset === 0 ? sourceOf(part).slice(end) : sourceOf(part);
    const last = over.exec(source)?.index;
    block.push({ ...part, term: known(last === undefined ? source : source.slice(0, last)) });
    if (last !== undefined) break;
  }
  return block;
}

function plainScalar(text: string): unknown {
  return text === 'true' || text === 'false' ? text === 'true' : text;
}

function fieldOfCluster(part: string, key: string): Term {
  if (part !== 'capabilities') return { kind: 'cluster', part: key === 'Minor' ? 'minor' : 'version' };
  if (key === 'APIVersions') return { kind: 'cluster', part: 'apis' };
  return key === 'KubeVersion' ? { kind: 'cluster', part: 'version' } : opaque;
}
