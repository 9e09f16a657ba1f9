import type { Edit } from '../overrides.ts';
import { asReference } from '../references/reference-text.ts';
import type { Gate } from './gate.ts';
import type { GateRender } from './gate-render.ts';

const pinKey = /(?:tag|digest|sha|sha256)$/i;
const imageKey = /(?:registry|repository|repo|hub|image|version|release)$/i;

/**
 * True for a gate that takes a part of an image away, or makes up a tag or digest: any user can, and what comes of it is none of the chart's
 * images.
 */
export function isOtherPin({ settings }: Gate): boolean {
  return settings.some((setting) => {
    const key = keyOf(setting);
    return isArbitrary(setting) && (pinKey.test(key) || (imageKey.test(key) && isEmpty(setting.value)));
  });
}

/** True for a gate that makes up a part of an image: it may open something else, but is tried after all others. */
export function changesImages({ settings }: Gate): boolean {
  return settings.some((setting) => isArbitrary(setting) && imageKey.test(keyOf(setting)));
}

/**
 * The renders without the images that only stand there under another host or tag: `api:latest`, where the gate makes up the release that the
 * tag is made from, and those that a word moves to another host. What a switch brings is one of the chart's images in any case. `deployed` is
 * canonical.
 */
export function withoutVariants(opened: readonly GateRender[], deployed: Iterable<string>): GateRender[] {
  const honest = opened.filter(({ gate }) => !changesImages(gate) && !hasWord(gate)).flatMap(({ references }) => [...references]);
  const known = [...deployed, ...honest];
  const repositories = new Set(known.map(repositoryOf));
  const places = Map.groupBy(known, nameOf);
  return opened.flatMap((render) => {
    const isVariant = (reference: string): boolean =>
      (changesImages(render.gate) && repositories.has(repositoryOf(reference))) ||
      (hasWord(render.gate) && isMoved(reference, places.get(nameOf(reference)) ?? []));
    const references = new Set([...render.references].filter((reference) => !isVariant(reference)));
    if (references.size === render.references.size) return [render];
    return references.size === 0 ? [] : [{ ...render, references }];
  });
}

/** A word that chooses, or one that is taken away. */
function hasWord({ settings }: Gate): boolean {
  return settings.some(({ value }) => typeof value === 'string' && !value.includes('placeholder'));
}

function isMoved(reference: string, others: readonly string[]): boolean {
  return others.length > 0 && !others.some((other) => hostOf(other) === hostOf(reference));
}

function hostOf(reference: string): string {
  return reference.slice(0, reference.indexOf('/'));
}

/** `api:1.2`, wherever it comes from. */
function nameOf(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

function repositoryOf(reference: string): string {
  return asReference(reference)?.repository ?? reference;
}

function isArbitrary({ value }: Edit): boolean {
  return isEmpty(value) || value === true || (typeof value === 'string' && value.includes('placeholder'));
}

function isEmpty(value: unknown): boolean {
  return value === '' || value === null;
}

function keyOf({ path }: Edit): string {
  return String(path.at(-1));
}
