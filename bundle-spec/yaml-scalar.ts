/** A scalar of YAML as JSON can hold it; `int` and `float` are told apart because they are spelled differently as keys. */
export type Scalar =
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'null'; readonly value: null }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'int'; readonly value: number; readonly exact: bigint }
  | { readonly kind: 'float'; readonly value: number };

const words = new Map<string, Scalar>();
for (const text of ['', '~', 'null', 'Null', 'NULL']) words.set(text, { kind: 'null', value: null });
for (const [value, texts] of [
  [true, ['y', 'yes', 'true', 'on']],
  [false, ['n', 'no', 'false', 'off']],
] as const) {
  for (const text of texts) {
    const capital = text.charAt(0).toUpperCase() + text.slice(1);
    for (const spelling of [text, capital, text.toUpperCase()]) words.set(spelling, { kind: 'bool', value });
  }
}
for (const text of ['.nan', '.NaN', '.NAN']) words.set(text, { kind: 'float', value: Number.NaN });
for (const text of ['.inf', '.Inf', '.INF']) {
  words.set(text, { kind: 'float', value: Number.POSITIVE_INFINITY });
  words.set(`+${text}`, { kind: 'float', value: Number.POSITIVE_INFINITY });
  words.set(`-${text}`, { kind: 'float', value: Number.NEGATIVE_INFINITY });
}

const integer = /^([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)$/;
/** Go's own syntax, where an underscore has to stand between digits; in other numbers go-yaml drops them wherever they are. */
const fraction = /^\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?$/;
const float = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;

/**
 * The value of an unquoted scalar, by the rules of go-yaml 2, which helm and Kubernetes read with: YAML 1.1 (`on` and `y` are
 * true, `0644` is 420), but dates and sexagesimals (`1:30`) stay strings. A number is a float64, as in helm's JSON, so that
 * integers past 2^53 are rounded; one past float64 is a string.
 */
export function resolvePlain(text: string): Scalar {
  const word = words.get(text);
  if (word !== undefined) return word;
  if (/^[-+0-9]/.test(text)) return resolveNumber(text.replaceAll('_', '')) ?? { kind: 'string', value: text };
  if (fraction.test(text)) return resolveFloat(text.replaceAll('_', '')) ?? { kind: 'string', value: text };
  return { kind: 'string', value: text };
}

/** The value of a scalar under an explicit tag such as `!!int` or `!<tag:yaml.org,2002:int>`; undefined when it does not fit the tag. */
export function resolveTagged(text: string, tag: string): Scalar | undefined {
  const plain = resolvePlain(text);
  switch (tag.replace(/^!<tag:yaml\.org,2002:(.*)>$/, '!!$1')) {
    case '!!null':
      return plain.kind === 'null' ? plain : undefined;
    case '!!bool':
      return plain.kind === 'bool' ? plain : undefined;
    case '!!int':
      return plain.kind === 'int' ? plain : undefined;
    case '!!float':
      return plain.kind === 'float' || plain.kind === 'int' ? { kind: 'float', value: plain.value } : undefined;
    case '!!binary':
      return { kind: 'string', value: Buffer.from(text, 'base64').toString('utf8') };
    default:
      return { kind: 'string', value: text };
  }
}

/** A scalar as the key of a JSON object, spelled as helm spells it; undefined for what helm refuses (null, integers past int64). */
export function scalarKey(scalar: Scalar): string | undefined {
  switch (scalar.kind) {
    case 'string':
      return scalar.value;
    case 'bool':
      return String(scalar.value);
    case 'int':
      return scalar.exact < 2n ** 63n ? String(scalar.exact) : undefined;
    case 'float':
      return floatKey(scalar.value);
    case 'null':
      return undefined;
    default:
      return scalar satisfies never;
  }
}

function resolveNumber(text: string): Scalar | undefined {
  const match = integer.exec(text);
  const exact = match === null ? undefined : parseInteger(match[1] ?? '', match[2] ?? '');
  if (exact !== undefined) return { kind: 'int', value: Number(exact), exact };
  return float.test(text) ? resolveFloat(text) : undefined;
}

/** Undefined past 64 bits; only an integer without a sign may use the 64th. */
function parseInteger(sign: string, digits: string): bigint | undefined {
  const magnitude = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const exact = sign === '-' ? -magnitude : magnitude;
  const limit = sign === '' ? 2n ** 64n : 2n ** 63n;
  return exact < limit && exact >= -(2n ** 63n) ? exact : undefined;
}

function resolveFloat(text: string): Scalar | undefined {
  const value = Number(text);
  return Number.isFinite(value) ? { kind: 'float', value } : undefined;
}

/** Go's `FormatFloat(value, 'g', -1, 32)`: the shortest digits that give the same float32. */
function floatKey(value: number): string {
  if (Number.isNaN(value)) return '.nan';
  const single = Math.fround(value);
  if (!Number.isFinite(single)) return value > 0 ? '.inf' : '-.inf';
  let digits = 0;
  while (Math.fround(Number(single.toExponential(digits))) !== single) digits++;
  const [mantissa = '', exponent = ''] = single.toExponential(digits).split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(Number(`${mantissa}e${power}`));
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}
