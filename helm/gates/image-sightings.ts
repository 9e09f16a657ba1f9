import type { Values } from '../../bundle-spec/values-layer.ts';
import { findCandidates } from '../image-shapes.ts';
import type { Part, Term } from '../templates/template-term.ts';
import { formatPath, getAt, isMap, type Path } from '../values-path.ts';
import { always, and, type Condition, not, or } from './gate-condition.ts';
import { isTruthy } from './value-test.ts';

/** A place of a template that shows an image, when it is rendered. */
export interface Sighting {
  readonly guard: Condition;
  /** `shop/templates/pod.yaml:12`. */
  readonly where: string;
  /** The values path or the words that it shows: the same in two places is the same image. */
  readonly shows: string;
  /** True for a reference that stands in the template from end to end, as `shows` has it. */
  readonly literal?: true;
}

/** What begins a reference in a document or an argument: `image: "`, `--sidecar-image=`. */
const imageMark = /(?:^|[\s"'{,_-])\w*[iI](?:mage|MAGE)["']?\s*[:=][ \t]*["']?$/;
const imageLine = /(?:^|\n)[^\n#]*?(?:^|[\s"'{,_-])\w*[iI]mage["']?\s*[:=][ \t]*["']?([A-Za-z0-9][^\s"']*)/g;
const hostedReference = /(?<![\w./@:-])(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?(?:\/[\w.-]+)+(?::[\w.-]+|@sha256:[0-9a-f]{64})/g;

/** Finds images in what templates print: keys and flags that say image, references in full, and values that hold images. */
export class SightingFinder {
  readonly #values: Values;
  /** Paths of image-shaped strings, and of every map and list around one. */
  readonly #imagePaths: ReadonlySet<string>;
  readonly #found = new Map<Term | readonly Part[], readonly Sighting[]>();
  /** The same for terms that are printed where an image is due. */
  readonly #foundDue = new Map<Term | readonly Part[], readonly Sighting[]>();

  constructor(values: Values) {
    this.#values = values;
    const images = findCandidates(values, []).filter(({ head, rank }) => head !== '' && rank !== 'bare');
    this.#imagePaths = new Set(
      images
        .flatMap(({ path }) => [...path.map((_, index) => path.slice(0, index + 1)), ...pinsBeside(values, path)])
        .map(formatPath),
    );
  }

  /** The images in what a file prints, each place for itself. */
  sightingsIn(parts: readonly Part[]): readonly Sighting[] {
    return [...this.#search(parts, false)];
  }

  *#search(parts: readonly Part[], marked: boolean): Generator<Sighting> {
    let due = marked;
    let isPrinted = false;
    for (const [index, { guard, term, where }] of parts.entries()) {
      if (term.kind === 'known' && typeof term.value === 'string') {
        yield* literalSightings(parts, index, due);
        const isMark = imageMark.test(term.value);
        const isOver = term.value.includes('\n') && (isPrinted || term.value.trim() !== '');
        due = isMark || (due && !isOver);
        isPrinted = !isMark && (isPrinted || term.value.trim() !== '');
      } else {
        yield* guarded(guard, this.#sightingsOf(term, where, due)).map((sighting) => ({ ...sighting, where }));
        isPrinted = true;
      }
    }
  }

  #sightingsOf(term: Term, where: string, due: boolean): readonly Sighting[] {
    if (term.kind === 'known') {
      const shows = String(term.value);
      return due && isTruthy(term.value) ? [{ guard: always, where, shows, ...(isLiteral(shows) ? { literal: true } : {}) }] : [];
    }
    if (term.kind === 'value')
      return this.#showsImage(term.path, due) ? [{ guard: always, where, shows: formatPath(term.path) }] : [];
    const memory = due ? this.#foundDue : this.#found;
    const key = term.kind === 'output' ? term.parts : term;
    const before = memory.get(key);
    if (before !== undefined) return before;
    memory.set(key, []); // A map may hold itself.
    const found = distinct(term.kind === 'output' ? this.#search(term.parts, due) : this.#inside(term, where, due));
    memory.set(key, found);
    return found;
  }

  *#inside(term: Term, where: string, due: boolean): Generator<Sighting> {
    if (term.kind === 'choice') {
      yield* guarded(term.when, this.#sightingsOf(term.then, where, due));
      yield* guarded(not(term.when), this.#sightingsOf(term.otherwise, where, due));
    } else for (const inner of termsIn(term)) yield* this.#sightingsOf(inner, where, due);
  }

  #showsImage(path: Path, due: boolean): boolean {
    return this.#imagePaths.has(formatPath(path)) || (due && isTruthy(getAt(this.#values, path)));
  }
}

/** Tags, digests and variants beside an image: one that another branch prints makes another image. */
function pinsBeside(values: Values, path: Path): Path[] {
  const siblings = getAt(values, path.slice(0, -1));
  if (!isMap(siblings)) return [];
  return Object.keys(siblings)
    .filter((key) => /tag|digest|sha256|variant|suffix/i.test(key) && isTruthy(siblings[key]))
    .map((key) => [...path.slice(0, -1), key]);
}

function guarded(guard: Condition, sightings: readonly Sighting[]): Sighting[] {
  return sightings.map((sighting) => ({ ...sighting, guard: and(guard, sighting.guard) }));
}

const mostDistinct = 60;

/** One sighting for each image, where any of its places is rendered. */
function distinct(sightings: Iterable<Sighting>): Sighting[] {
  const found = new Map<string, Sighting>();
  for (const sighting of sightings) {
    const before = found.get(sighting.shows);
    if (before !== undefined) found.set(sighting.shows, { ...before, guard: or(before.guard, sighting.guard) });
    else if (found.size < mostDistinct) found.set(sighting.shows, sighting);
  }
  return [...found.values()];
}

function termsIn(term: Term): readonly Term[] {
  if (term.kind === 'opaque') return term.shows;
  if (term.kind === 'list') return term.items;
  if (term.kind === 'map') return [...term.entries.values()];
  return term.kind === 'merged' ? term.terms : [];
}

interface NamedImage {
  readonly shows: string;
  /** Lines of the text above it. */
  readonly line: number;
  /** Nothing stands behind it. */
  readonly isLast: boolean;
}

/** The images that a literal text names, each once; where one is due, its first word. */
function imagesInText(text: string, due: boolean): readonly NamedImage[] {
  const found = new Map<string, NamedImage>();
  const add = (shows: string | undefined, start: number): void => {
    if (shows === undefined || found.has(shows) || isComment(text, start)) return;
    found.set(shows, { shows, line: text.slice(0, start).split('\n').length - 1, isLast: start + shows.length >= text.length });
  };
  const first = due ? /^["']?([A-Za-z0-9][^\s"']*)/.exec(text) : null;
  if (first !== null) add(first[1], first[0].length - (first[1]?.length ?? 0));
  for (const match of text.matchAll(hostedReference)) add(match[0], match.index);
  if (!/[iI]mage/.test(text)) return [...found.values()];
  for (const match of text.matchAll(imageLine)) add(match[1], match.index + match[0].length - (match[1]?.length ?? 0));
  return [...found.values()];
}

function literalSightings(parts: readonly Part[], index: number, due: boolean): Sighting[] {
  const part = parts[index];
  if (part?.term.kind !== 'known') return [];
  const { guard, where, term } = part;
  return imagesInText(String(term.value), due).map(({ shows, line, isLast }) => {
    const literal = isLiteral(shows) && !(isLast && goesOn(parts[index + 1]));
    return { guard, where: lineBelow(where, line), shows, ...(literal ? { literal } : {}) };
  });
}

function isComment(text: string, start: number): boolean {
  return /(?:^|\s)#/.test(text.slice(text.lastIndexOf('\n', start - 1) + 1, start));
}

/** Whether what follows a text may be printed right behind it. */
function goesOn(next: Part | undefined): boolean {
  if (next === undefined) return false;
  return next.term.kind !== 'known' || !/^[\s"'},]/.test(String(next.term.value));
}

/** With a tag or digest. */
function isLiteral(shows: string): boolean {
  return (
    /^[\w.-]+(?::\d+(?=\/))?(?:\/[\w.-]+)*(?::\w(?:[\w.-]*\w)?)?(?:@sha256:[0-9a-f]{64})?$/.test(shows) &&
    /[:@][^/]*$/.test(shows)
  );
}

function lineBelow(where: string, lines: number): string {
  return where.replace(/\d+$/, (line) => String(Number(line) + lines));
}
