import type { Digest } from '../bundle-spec/names.ts';
import type { Values } from '../bundle-spec/values-layer.ts';
import type { StoredDigests } from '../images/plan/stored-digests.ts';
import type { Target } from '../images/reference.ts';
import type { Candidate } from './image-shapes.ts';
import { atTarget } from './references/reference-text.ts';
import { formatPath, getAt, type Path } from './values-path.ts';

/** A part of a string in the values that decides where images come from. */
export interface ImageRewrite {
  readonly path: Path;
  /** What stands before and after it in the string, and is kept. */
  readonly before: string;
  readonly after: string;
  /** The path below a target that takes its place: `quay.io`, `docker.io/library/redis`, with tag and digest where the string has them. */
  readonly standsFor: string;
}

/** A value that has to be set besides, whatever the target. */
export interface FixedRewrite {
  readonly path: Path;
  readonly value: string | boolean;
  /** One phrase for the report. */
  readonly why: string;
}

/** A string that decides the digest of images, bare, behind `sha256:` or in a whole reference; changed where the bundle stores another. */
export interface DigestRewrite {
  readonly path: Path;
  /** The one that stands there. */
  readonly digest: Digest;
}

/** What a rewrite changes in the values of a release. Proven by a probe, and proven again by `rewriteRelease`. */
export type RewritePath = ImageRewrite | FixedRewrite | DigestRewrite;

/** A value to be set at a path. */
export interface Edit {
  readonly path: Path;
  /** Any JSON: text, number, truth, list or map. */
  readonly value: unknown;
}

/** What has to be set for the rewrites, one edit for each string. */
export function rewriteEdits(
  values: Values,
  rewrites: readonly RewritePath[],
  target: Target,
  digests: StoredDigests = new Map(),
): Edit[] {
  const parts = rewrites.flatMap((rewrite) =>
    'standsFor' in rewrite ? [{ ...rewrite, text: repinned(atTarget(rewrite.standsFor, target), digests) }] : [],
  );
  const fixed = rewrites.flatMap((rewrite) => ('value' in rewrite ? [{ path: rewrite.path, value: rewrite.value }] : []));
  const pins = rewrites.filter((rewrite) => 'digest' in rewrite);
  return [...fixed, ...repinEdits(values, editsOf(values, parts), pins, digests)];
}

/** `edits` and what the strings of `pins` become, one edit for each string. */
export function repinEdits(
  values: Values,
  edits: readonly Edit[],
  pins: readonly DigestRewrite[],
  digests: StoredDigests,
): Edit[] {
  const byPath = new Map(edits.map((edit) => [formatPath(edit.path), edit]));
  for (const { path, digest } of pins) {
    const stored = digests.get(digest);
    if (stored === undefined) continue;
    const text = byPath.get(formatPath(path))?.value ?? getAt(values, path);
    byPath.set(formatPath(path), { path, value: String(text).replaceAll(hexOf(digest), hexOf(stored)) });
  }
  return [...byPath.values()];
}

/** `text` as it reads when each digest in it is the stored one. */
export function repinned(text: string, digests: StoredDigests): string {
  return text.replace(/sha256:[0-9a-f]{64}/g, (digest) => digests.get(digest as Digest) ?? digest);
}

/** The hex digits of a digest. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** A part of a string and the text to put there. */
export interface PartEdit extends Pick<Candidate, 'path' | 'before' | 'after'> {
  readonly text: string;
}

/** One edit for each string, all its parts replaced. */
export function editsOf(values: Values, parts: readonly PartEdit[]): Edit[] {
  return [...Map.groupBy(parts, ({ path }) => formatPath(path)).values()].map((group) => {
    const path = group[0]?.path ?? [];
    const current = getAt(values, path);
    const original = typeof current === 'string' ? current : '';
    let text = original;
    // From the back, so that the places in front stay where they are.
    for (const part of group.toSorted((a, b) => b.before.length - a.before.length)) {
      text = `${text.slice(0, part.before.length)}${part.text}${text.slice(original.length - part.after.length)}`;
    }
    return { path, value: text };
  });
}

/** Values that hold the edits and nothing else, except that a list is copied whole from `values`, since helm replaces lists. */
export function applyEdits(values: Values, edits: readonly Edit[]): Values {
  const overrides: Values = {};
  for (const { path, value } of edits) setAt(overrides, values, path, value);
  return overrides;
}

type Container = Record<string | number, unknown>;

function setAt(overrides: Values, values: Values, path: Path, value: unknown): void {
  let container: Container = overrides;
  for (const [depth, step] of path.slice(0, -1).entries()) {
    const existing = Object.hasOwn(container, step) ? container[step] : undefined;
    const next = typeof existing === 'object' && existing !== null ? existing : startOf(values, path, depth);
    container[step] = next;
    container = next as Container;
  }
  const last = path.at(-1);
  if (last !== undefined) container[last] = value;
}

function startOf(values: Values, path: Path, depth: number): object {
  if (typeof path[depth + 1] !== 'number') return {};
  const list = getAt(values, path.slice(0, depth + 1));
  return Array.isArray(list) ? structuredClone(list) : [];
}
