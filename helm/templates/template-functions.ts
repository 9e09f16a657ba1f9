import { satisfiesRange } from '../charts/version-range.ts';
import { always, and, type Condition, not, or, truth, unknown } from '../gates/gate-condition.ts';
import { choice, fieldOf, known, nothing, opaque, type Part, type Term, testTerm, truthOf } from './template-term.ts';

/** What functions need of the walk that calls them. */
export interface FunctionContext {
  /** When the call is reached. */
  readonly guard: Condition;
  /** The value of a term as deployed; `undefined` where the template alone does not tell. */
  readonly asDeployed: (term: Term) => unknown;
  readonly include: (name: string, dot: Term) => Term;
  /** A text that is a template itself, rendered. */
  readonly render: (text: Term, dot: Term) => Term;
  /** The chart refuses to render when `condition` holds. */
  readonly refuse: (condition: Condition) => void;
}

type TemplateFunction = (operands: readonly Term[], context: FunctionContext) => Term;

/** What a function of Go's templates, sprig or helm gives; those not followed give something opaque made of their operands. */
export function callFunction(name: string, operands: readonly Term[], context: FunctionContext): Term {
  const own = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (own !== undefined) return own(operands, context);
  if (sameAsLast.has(name)) return operands.at(-1) ?? nothing;
  return secret.test(name) ? opaque : { kind: 'opaque', shows: operands };
}

const is = (condition: Condition): Term => ({ kind: 'truth', condition });

/** Functions whose result says what their last operand says. */
const sameAsLast = new Set(
  `toYaml toYamlPretty toJson toPrettyJson toRawJson fromYaml fromJson fromYamlArray fromJsonArray mustToJson mustToYaml mustFromJson toToml
  indent nindent quote squote trim trimAll trimPrefix trimSuffix trimAll lower upper title untitle toString toStrings int int64 float64
  atoi b64enc b64dec replace trunc abbrev nospace deepCopy mustDeepCopy regexReplaceAll regexReplaceAllLiteral mustRegexReplaceAll semver
  substr wrap html js urlquery kebabcase snakecase camelcase cat initial rest uniq compact sortAlpha reverse mustUniq mustCompact
  toDecimal ceil floor round swapcase plural`
    .trim()
    .split(/\s+/),
);

const secret =
  /^(?:rand\w*|gen\w*|sha\w+|adler32sum|uuidv4|now|date\w*|htpasswd|derivePassword|bcrypt|lookup|kindOf|getHostByName)$/;

const functions: Readonly<Record<string, TemplateFunction>> = {
  not: ([term = nothing]) => is(not(truthOf(term))),
  empty: ([term = nothing]) => is(not(truthOf(term))),
  and: (terms) => terms.slice(1).reduce((left, right) => choice(truthOf(left), right, left), terms[0] ?? nothing),
  or: (terms) => terms.slice(0, -1).reduceRight((right, left) => choice(truthOf(left), left, right), terms.at(-1) ?? nothing),
  coalesce: (terms) => terms.reduceRight((right, left) => choice(truthOf(left), left, right), nothing),
  default: ([fallback = nothing, term = nothing]) => choice(truthOf(term), term, fallback),
  ternary: ([yes = nothing, no = nothing, when = nothing]) => choice(truthOf(when), yes, no),
  any: (terms) => is(or(...terms.map(truthOf))),
  all: (terms) => is(and(...terms.map(truthOf))),
  eq: ([first = nothing, ...others], context) => is(or(...others.map((other) => equal(first, other, context)))),
  ne: ([a = nothing, b = nothing], context) => is(not(equal(a, b, context))),
  gt: ([a = nothing, b = nothing], context) => is(greater(a, b, context)),
  le: ([a = nothing, b = nothing], context) => is(not(greater(a, b, context))),
  lt: ([a = nothing, b = nothing], context) => is(greater(b, a, context)),
  ge: ([a = nothing, b = nothing], context) => is(not(greater(b, a, context))),
  has: ([needle = nothing, hay = nothing], context) => is(includes(needle, hay, context)),
  hasKey: ([map = nothing, key = nothing], context) => is(testTerm(fieldOf(map, text(key, context)), { is: 'present' })),
  contains: ([part = nothing, term = nothing], context) => is(testText('containing', part, term, context)),
  hasPrefix: ([part = nothing, term = nothing], context) => is(testText('beginning', part, term, context)),
  hasSuffix: ([part = nothing, term = nothing], context) => is(testText('ending', part, term, context)),
  regexMatch: ([part = nothing, term = nothing], context) => is(testText('matching', part, term, context)),
  mustRegexMatch: ([part = nothing, term = nothing], context) => is(testText('matching', part, term, context)),
  regexFind: ([part = nothing, term = nothing], context) => choice(testText('matching', part, term, context), term, known('')),
  kindIs: ([kind = nothing, term = nothing], context) => is(testTerm(term, { is: 'kind', value: text(kind, context) })),
  typeIs: ([kind = nothing, term = nothing], context) => is(testTerm(term, { is: 'kind', value: text(kind, context) })),
  kindOf: ([of = nothing]) => ({ kind: 'type', of }),
  typeOf: ([of = nothing]) => ({ kind: 'type', of }),
  len: ([of = nothing]) => ({ kind: 'length', of }),
  semverCompare: ([range = nothing, version = nothing], context) => is(inRange(text(range, context), version, context)),
  lookup: () => known({}),
  dict: (terms, context) => ({ kind: 'map', entries: entriesOf(terms, context) }),
  list: (items) => ({ kind: 'list', items }),
  tuple: (items) => ({ kind: 'list', items }),
  append: ([list = nothing, item = nothing]) => joined([list, { kind: 'list', items: [item] }]),
  prepend: ([list = nothing, item = nothing]) => joined([{ kind: 'list', items: [item] }, list]),
  concat: (lists) => joined(lists),
  without: ([list = nothing]) => list,
  get: ([map = nothing, key = nothing], context) => fieldOf(map, text(key, context)),
  index: ([term = nothing, ...steps], context) => steps.reduce((found, step) => itemOf(found, step, context), term),
  dig: (terms, context) => dug(terms, context),
  pluck: ([key = nothing, ...maps], context) => ({ kind: 'list', items: maps.map((map) => fieldOf(map, text(key, context))) }),
  first: ([list = nothing], context) => itemOf(list, known(0), context),
  last: ([list = nothing], context) => (list.kind === 'list' ? (list.items.at(-1) ?? nothing) : itemOf(list, known(0), context)),
  pick: ([map = nothing]) => map,
  omit: ([map = nothing, ...keys], context) => without(map, keys, context),
  merge: (terms) => ({ kind: 'merged', terms }),
  mustMerge: (terms) => ({ kind: 'merged', terms }),
  mergeOverwrite: (terms) => ({ kind: 'merged', terms: terms.toReversed() }),
  mustMergeOverwrite: (terms) => ({ kind: 'merged', terms: terms.toReversed() }),
  set: ([map = nothing, key = nothing, term = nothing], context) => setIn(map, text(key, context), term, context),
  unset: ([map = nothing, key = nothing], context) => setIn(map, text(key, context), nothing, context),
  printf: (terms, context) => printed(terms, context),
  print: (terms, context) => printed([known('%v'.repeat(terms.length)), ...terms], context),
  join: ([, list = nothing]) => (list.kind === 'list' ? { kind: 'output', parts: list.items.map(partOf) } : list),
  include: ([name = nothing, dot = nothing], context) => context.include(text(name, context), dot),
  tpl: ([template = nothing, dot = nothing], context) => context.render(template, dot),
  fail: (_terms, { refuse }) => {
    refuse(always);
    return nothing;
  },
  required: ([, term = nothing], { refuse }) => {
    refuse(not(truthOf(term)));
    return term;
  },
};

function partOf(term: Term): Part {
  return { guard: always, term, where: '' };
}

function text(term: Term, { asDeployed }: FunctionContext): string {
  return String(asDeployed(term) ?? '');
}

/** Equality, where one of both is known or can be: two values compare as the second one is deployed. */
function equal(a: Term, b: Term, { asDeployed }: FunctionContext): Condition {
  if (b.kind === 'known') return testTerm(a, { is: 'equal', value: b.value });
  if (a.kind === 'known') return testTerm(b, { is: 'equal', value: a.value });
  const value = asDeployed(b);
  return value === undefined ? unknown : testTerm(a, { is: 'equal', value });
}

function greater(a: Term, b: Term, { asDeployed }: FunctionContext): Condition {
  if (b.kind === 'known') return testTerm(a, { is: 'greater', value: b.value });
  if (a.kind === 'known') return testTerm(b, { is: 'less', value: a.value });
  const value = asDeployed(b);
  return value === undefined ? unknown : testTerm(a, { is: 'greater', value });
}

function includes(needle: Term, hay: Term, context: FunctionContext): Condition {
  if (hay.kind === 'list') return or(...hay.items.map((item) => equal(needle, item, context)));
  if (hay.kind === 'known' && Array.isArray(hay.value)) {
    return or(...hay.value.map((value) => testTerm(needle, { is: 'equal', value })));
  }
  const value = context.asDeployed(needle);
  return value === undefined ? unknown : testTerm(hay, { is: 'including', value });
}

function testText(
  is: 'containing' | 'beginning' | 'ending' | 'matching',
  part: Term,
  term: Term,
  { asDeployed }: FunctionContext,
): Condition {
  const value = asDeployed(part);
  return typeof value === 'string' ? testTerm(term, { is, value }) : unknown;
}

function inRange(range: string, version: Term, { asDeployed }: FunctionContext): Condition {
  if (version.kind === 'cluster') return { kind: 'kubernetes', range };
  if (version.kind === 'choice') {
    const [then, otherwise] = [version.then, version.otherwise].map((term) => {
      const value = asDeployed(term);
      if (term.kind === 'cluster') return { kind: 'kubernetes', range } as const;
      return typeof value === 'string' && value !== '' ? truth(satisfiesRange(value, range)) : unknown;
    });
    return or(and(version.when, then ?? unknown), and(not(version.when), otherwise ?? unknown));
  }
  const value = asDeployed(version);
  return typeof value === 'string' && value !== '' ? truth(satisfiesRange(value, range)) : unknown;
}

function entriesOf(terms: readonly Term[], context: FunctionContext): Map<string, Term> {
  const entries = new Map<string, Term>();
  for (let index = 0; index + 1 < terms.length; index += 2) {
    entries.set(text(terms[index] ?? nothing, context), terms[index + 1] ?? nothing);
  }
  return entries;
}

function joined(lists: readonly Term[]): Term {
  const items = lists.flatMap((list) => (list.kind === 'list' ? list.items : [list]));
  return lists.every((list) => list.kind === 'list') ? { kind: 'list', items } : { kind: 'opaque', shows: items };
}

function itemOf(term: Term, step: Term, context: FunctionContext): Term {
  const key = context.asDeployed(step);
  if (typeof key === 'string') return fieldOf(term, key);
  if (typeof key !== 'number') return opaque;
  if (term.kind === 'value') return { kind: 'value', path: [...term.path, key] };
  if (term.kind === 'list') return term.items[key] ?? nothing;
  if (term.kind === 'known' && Array.isArray(term.value)) return known(term.value[key]);
  return term.kind === 'choice'
    ? choice(term.when, itemOf(term.then, step, context), itemOf(term.otherwise, step, context))
    : opaque;
}

/** `dig "a" "b" fallback map`. */
function dug(terms: readonly Term[], context: FunctionContext): Term {
  const map = terms.at(-1) ?? nothing;
  const found = terms.slice(0, -2).reduce((term, key) => fieldOf(term, text(key, context)), map);
  return choice(testTerm(found, { is: 'present' }), found, terms.at(-2) ?? nothing);
}

function without(map: Term, keys: readonly Term[], context: FunctionContext): Term {
  if (map.kind !== 'map') return map;
  const names = new Set(keys.map((key) => text(key, context)));
  return { kind: 'map', entries: new Map([...map.entries].filter(([key]) => !names.has(key))) };
}

/** Maps that a template made are changed in place, as Go does; the values of the release are left as they are. */
function setIn(map: Term, key: string, term: Term, { guard }: FunctionContext): Term {
  if (map.kind === 'map') map.entries.set(key, choice(guard, term, map.entries.get(key) ?? nothing));
  return map;
}

/** A text printed as it is stays what it is, so that what a helper prints of a value can be asked for. */
function printed([format = nothing, ...terms]: readonly Term[], context: FunctionContext): Term {
  const [first, ...others] = terms;
  if (first === undefined && format.kind !== 'known') return format;
  const pattern = context.asDeployed(format);
  if (first !== undefined && others.length === 0 && (pattern === '%s' || pattern === '%v')) return first;
  if (typeof pattern !== 'string' || !terms.every((term) => term.kind === 'known'))
    return { kind: 'opaque', shows: [format, ...terms] };
  const values = terms.map(({ value }) => value);
  return known(pattern.replace(/%[-+ 0-9.]*([svdqt%])/g, (_, verb) => (verb === '%' ? '%' : String(values.shift() ?? ''))));
}
