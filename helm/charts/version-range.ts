interface SemanticVersion {
  readonly numbers: readonly [number, number, number];
  readonly prerelease: string;
  /** Numbers given; what is missing or `x` is 0 in `numbers`. */
  readonly given: 0 | 1 | 2 | 3;
}

/**
 * True when a chart `version` satisfies a dependency's `range`, by the rules of Helm's library (Masterminds/semver 3): `1.2.x`,
 * `~1.2`, `^1`, `>=1 <3`, `1 - 2`, comma or space for and, `||` for or; a prerelease matches only a range that names one.
 * False for a version or range that cannot be read, as helm does.
 */
export function satisfiesRange(version: string, range: string): boolean {
  const parsed = parseVersion(version);
  if (parsed === undefined || parsed.given === 0) return false;
  return range.split('||').some((alternative) => {
    const constraints = parseConstraints(alternative);
    return constraints?.every((constraint) => holds(constraint, parsed)) ?? false;
  });
}

interface Constraint {
  readonly operator: string;
  readonly bound: SemanticVersion;
}

const versionText = String.raw`v?[0-9xX*]+(?:\.[0-9xX*]+){0,2}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?`;
const hyphenRange = new RegExp(String.raw`(${versionText})\s+-\s+(${versionText})`, 'g');
const constraint = new RegExp(String.raw`\s*(=>|=<|>=|<=|!=|~>|[=<>~^])?\s*(${versionText})\s*,?`, 'y');

function parseConstraints(text: string): Constraint[] | undefined {
  const trimmed = text.replace(hyphenRange, '>=$1 <=$2').trim() || '*';
  const found: Constraint[] = [];
  constraint.lastIndex = 0;
  while (constraint.lastIndex < trimmed.length) {
    const match = constraint.exec(trimmed);
    const bound = match === null ? undefined : parseVersion(match[2] ?? '');
    if (match === null || bound === undefined) return undefined;
    found.push({ operator: match[1] ?? '', bound });
  }
  return found;
}

function parseVersion(text: string): SemanticVersion | undefined {
  const match = /^v?([0-9xX*]+)(?:\.([0-9xX*]+))?(?:\.([0-9xX*]+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/.exec(
    text.trim(),
  );
  if (match === null) return undefined;
  const parts = [match[1], match[2], match[3]];
  const wildcard = parts.findIndex((part) => part === undefined || /[xX*]/.test(part));
  const given = (wildcard === -1 ? 3 : wildcard) as SemanticVersion['given'];
  const number = (index: number): number => (index < given ? Number(parts[index]) : 0);
  return { numbers: [number(0), number(1), number(2)], prerelease: match[4] ?? '', given };
}

function holds({ operator, bound }: Constraint, version: SemanticVersion): boolean {
  if (version.prerelease !== '' && bound.prerelease === '') return false;
  const order = compare(version, bound);
  // How far the version agrees with what the bound gives: `1.2` covers all of 1.2.x.
  const within = version.numbers.slice(0, bound.given).every((number, index) => number === bound.numbers[index]);
  const partial = bound.given < 3;
  switch (operator) {
    case '':
    case '=':
      return partial ? within : order === 0;
    case '!=':
      return partial ? !within : order !== 0;
    case '>':
      return order > 0 && !(partial && within);
    case '<':
      return order < 0;
    case '>=':
    case '=>':
      return order >= 0;
    case '<=':
    case '=<':
      return order <= 0 || (partial && within);
    case '^':
      return order >= 0 && sameUpTo(version, bound, caretDepth(bound));
    default:
      return order >= 0 && sameUpTo(version, bound, Math.min(bound.given, 2));
  }
}

function sameUpTo(version: SemanticVersion, bound: SemanticVersion, depth: number): boolean {
  return version.numbers.slice(0, depth).every((number, index) => number === bound.numbers[index]);
}

/** `^` keeps everything up to the first number that is not zero. */
function caretDepth(bound: SemanticVersion): number {
  const first = bound.numbers.findIndex((number) => number > 0);
  return Math.min(bound.given, first === -1 ? 3 : first + 1);
}

function compare(a: SemanticVersion, b: SemanticVersion): number {
  for (const index of [0, 1, 2] as const) {
    const difference = a.numbers[index] - b.numbers[index];
    if (difference !== 0) return difference;
  }
  if (a.prerelease === b.prerelease) return 0;
  if (a.prerelease === '') return 1;
  if (b.prerelease === '') return -1;
  return comparePrerelease(a.prerelease.split('.'), b.prerelease.split('.'));
}

/** Semantic Versioning 2.0, section 11. */
function comparePrerelease(a: readonly string[], b: readonly string[]): number {
  for (const [index, part] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    if (part === other) continue;
    const numeric = [part, other].map((text) => /^\d+$/.test(text));
    if (numeric[0] && numeric[1]) return Number(part) - Number(other);
    if (numeric[0] !== numeric[1]) return numeric[0] ? -1 : 1;
    return part < other ? -1 : 1;
  }
  return a.length - b.length;
}
