import type { Values } from '../../bundle-spec/values-layer.ts';
import { formatReference } from '../../images/reference.ts';
import type { FoundReference } from '../discovery.ts';
import { asReference, pinOf, spellingOf } from '../references/reference-text.ts';
import { composeReference } from '../references/sibling-keys.ts';
import { formatPath, isMap, type Path } from '../values-path.ts';

/** An image that stands in values, whether or not anything uses it. */
export interface DeclaredImage {
  readonly path: Path;
  /** As far as the values spell it out: `quay.io/shop/api`, `shop/api:1.2`. */
  readonly text: string;
  /** Canonical, where host or name, and tag or digest, are there. */
  readonly reference?: string;
}

const imageLabel = /image(?!.*(?:pull|polic|secret))/i;

/** Every image-shaped value: maps of registry, repository, name, tag and digest, and strings that are a whole reference. */
export function findDeclared(values: Values): DeclaredImage[] {
  return [...declaredIn(values, [], '')];
}

/** Whether one of the canonical `references` is this image, under whatever host the chart gives it. */
export function isShown({ text, reference }: DeclaredImage, references: ReadonlySet<string>): boolean {
  if (reference !== undefined && references.has(reference)) return true;
  const pinned = pinOf(text) !== '';
  for (const shown of references) {
    const end = shown.endsWith(text) ? shown.length - text.length : pinned ? -1 : shown.indexOf(`${text}:`);
    if (end === 0 || (end > 0 && shown[end - 1] === '/')) return true;
  }
  return false;
}

/** The declared images that stand in no render, as `FoundReference` of class `declared`, sorted. */
export function unusedReferences(declared: readonly DeclaredImage[], references: ReadonlySet<string>): FoundReference[] {
  const unused = declared.filter((image) => image.reference !== undefined && !isShown(image, references));
  const groups = [...Map.groupBy(unused, ({ reference }) => reference ?? '')].sort(([a], [b]) => (a < b ? -1 : 1));
  return groups.map(([reference, group]) => ({
    reference,
    class: 'declared',
    gates: [],
    valuesPaths: group.map(({ path }) => formatPath(path)).sort(),
    places: [],
  }));
}

function* declaredIn(value: unknown, path: Path, label: string): Generator<DeclaredImage> {
  if (typeof value === 'string') yield* declaredText(value, path, label);
  else if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* declaredIn(item, [...path, index], label);
  else if (isMap(value)) yield* declaredMap(value, path, label);
}

function* declaredMap(map: Readonly<Record<string, unknown>>, path: Path, label: string): Generator<DeclaredImage> {
  const composed = composeReference(map, imageLabel.test(label));
  const spelling = composed === undefined ? undefined : spellingOf(composed.text);
  const isImage = composed !== undefined && spelling !== undefined && (spelling.host || imageLabel.test(label) || 'tag' in map);
  if (isImage) yield { path, text: composed.text, ...canonicalOf(composed.text, spelling.pinned) };
  const done = new Set(isImage ? composed.keys : []);
  for (const [key, inner] of Object.entries(map)) if (!done.has(key)) yield* declaredIn(inner, [...path, key], key);
}

function* declaredText(text: string, path: Path, label: string): Generator<DeclaredImage> {
  if (!/^[\w./:@-]+$/.test(text) || !/[/:]/.test(text)) return;
  const spelling = spellingOf(text);
  if (spelling === undefined || !spelling.pinned || !(spelling.host ? /[./]/.test(text) : imageLabel.test(label))) return;
  // A host with a port, and nothing else, is an address.
  if (!text.includes('/') && !imageLabel.test(label)) return;
  yield { path, text, ...canonicalOf(text, true) };
}

function canonicalOf(text: string, pinned: boolean): Pick<DeclaredImage, 'reference'> {
  const reference = pinned ? asReference(text) : undefined;
  return reference === undefined ? {} : { reference: formatReference(reference) };
}
