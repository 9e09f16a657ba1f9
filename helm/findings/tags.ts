import type { Finding } from '../../bundle-spec/finding.ts';
import { isPlaceholderTag } from '../../images/plan/tag-stem.ts';
import { parseReference } from '../../images/reference.ts';
import type { BaseRender } from '../base-render.ts';
import type { FoundReference } from '../discovery.ts';
import { asReference, pinOf } from '../references/reference-text.ts';

/**
 * UNTAGGED: no tag at all. TAG_PLACEHOLDER: what a chart in version control has until it is released. TAG_MUTABLE: a tag that is moved to
 * newer images. None for what a digest pins.
 */
export function findTags(references: readonly FoundReference[], bases: readonly BaseRender[]): Finding[] {
  const untagged = untaggedReferences(bases);
  return references.flatMap((found) => {
    const parsed = asReference(found.reference) === undefined ? undefined : parseReference(found.reference);
    if (parsed === undefined || parsed.digest !== undefined || parsed.tag === undefined) return [];
    const where = whereOf(found);
    if (untagged.has(found.reference)) return [untaggedFinding(found.reference, where)];
    if (isPlaceholderTag(parsed.tag)) return [placeholderFinding(found.reference, parsed.tag, where)];
    return isMutable(parsed.tag) ? [mutableFinding(found.reference, parsed.tag, where)] : [];
  });
}

/** A tag without a digit names no version (`latest`, `main`, `nonroot`), a small number alone all of a major (`1`, `v2`, `16-alpine`). */
function isMutable(tag: string): boolean {
  return !/\d/.test(tag) || /^v?\d{1,2}(?:-[a-z]+\d*)*$/i.test(tag) || movingWord.test(tag);
}

const movingWord =
  /^(?:latest|main|master|head|trunk|edge|nightly|stable|canary|next|rolling|current|develop|snapshot)(?:-[a-z]+\d*)*$/i;

/** Where it is set, or else where it stands. */
function whereOf({ valuesPaths, places }: FoundReference): string {
  const path = valuesPaths.find((candidate) => !/(?:registry|hub)$/i.test(candidate));
  const [place] = places;
  return path ?? (place === undefined ? '' : `${place.kind}/${place.name} ${place.path}`);
}

function untaggedFinding(reference: string, where: string): Finding {
  return {
    severity: 'warning',
    code: 'UNTAGGED',
    message: `${reference.replace(/:latest$/, '')} has no tag, which means "latest": whatever that is on the day of the build travels`,
    where,
    fix: 'set a tag with a version in the release’s values',
  };
}

function placeholderFinding(reference: string, tag: string, where: string): Finding {
  return {
    severity: 'warning',
    code: 'TAG_PLACEHOLDER',
    message: `${reference}: the tag "${tag}" is what stands in a chart before its release; such an image is hardly to be had`,
    where,
    fix: 'take the released chart from its repository or registry instead of the one from version control, or set the tag',
  };
}

function mutableFinding(reference: string, tag: string, where: string): Finding {
  return {
    severity: 'warning',
    code: 'TAG_MUTABLE',
    message: `${reference}: the tag "${tag}" moves to newer images, so another build may carry another image`,
    where,
    fix: 'set a tag with a full version, or a digest, in the release’s values',
  };
}

function untaggedReferences(bases: readonly BaseRender[]): Set<string> {
  const places = bases.flatMap(({ places: all }) => all.filter(({ text, complete }) => complete && pinOf(text) === ''));
  return new Set(places.flatMap(({ text }) => canonical(text)));
}

function canonical(text: string): string[] {
  const reference = asReference(text);
  return reference === undefined ? [] : [`${reference.host}/${reference.repository}:${reference.tag ?? 'latest'}`];
}
