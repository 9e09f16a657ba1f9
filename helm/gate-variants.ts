import type { Gate } from './gate.ts';
import type { GateRender } from './gate-render.ts';
import type { Edit } from './overrides.ts';
import { asReference } from './reference-text.ts';

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
 * The renders without the images that only stand there under another host or tag, since their gate changes images: `api:latest`, where the
 * gate empties the release that the tag is made from. `deployed` is canonical.
 */
export function withoutVariants(opened: readonly GateRender[], deployed: Iterable<string>): GateRender[] {
  const honest = opened.filter(({ gate }) => !changesImages(gate)).flatMap(({ references }) => [...references]);
  const known = new Set([...deployed, ...honest].map(repositoryOf));
  return opened.flatMap((render) => {
    if (!changesImages(render.gate)) return [render];
    const references = new Set([...render.references].filter((reference) => !known.has(repositoryOf(reference))));
    return references.size === 0 ? [] : [{ ...render, references }];
  });
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
