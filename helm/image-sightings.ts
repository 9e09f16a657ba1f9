import type { Values } from '../bundle-spec/values-layer.ts';
import { always, and, type Condition, not, or } from './gate-condition.ts';
import { findCandidates } from './image-shapes.ts';
import type { Part, Term } from './template-term.ts';
import { isTruthy } from './value-test.ts';
import { formatPath, getAt, isMap, type Path } from './values-path.ts';

/** A place of a template that shows an image, when it is rendered. */
export interface Sighting {
  readonly guard: Condition;
  /** `shop/templates/pod.yaml:12`. */
  readonly where: string;
  /** The values path or the words that it shows: the same in two places is the same image. */
  readonly shows: string;
}

/** What begins a reference in a document or an argument: `image: "`, `--sidecar-image=`. */
const imageMark = /(?:^|[\s"'{,_-])\w*[iI](?:mage|MAGE)["']?\s*[:=][ \t]*["']?$/;
const imageLine = /(?:^|\n)[^\n#]*?(?:^|[\s"'{,_-])\w*[iI]mage["']?\s*[:=][ \t]*["']?([A-Za-z0-9][^\s"']*)/;
const hostedReference = /(?<![\w./@:-])(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?(?:\/[\w.-]+)+(?::[\w.-]+|@sha256:[0-9a-f]{64})/;

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
    for (const { guard, term, where } of parts) {
      if (term.kind === 'known' && typeof term.value === 'string') {
        const shows = imageInText(term.value, due);
        if (shows !== undefined) yield { guard, where, shows };
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
    if (term.kind === 'known') return due && isTruthy(term.value) ? [{ guard: always, where, shows: String(term.value) }] : [];
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

/** The image that a literal text names; where one is due, its first word. */
function imageInText(text: string, due: boolean): string | undefined {
  const first = due ? /^["']?([A-Za-z0-9][^\s"']*)/.exec(text)?.[1] : undefined;
  if (first !== undefined) return first;
  return hostedReference.exec(text)?.[0] ?? (/[iI]mage/.test(text) ? imageLine.exec(text)?.[1] : undefined);
}
