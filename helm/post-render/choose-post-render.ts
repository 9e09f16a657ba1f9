import type { BaseRender } from '../base-render.ts';
import type { RenderedObject } from '../manifest-stream.ts';
import type { Unproven } from '../proof.ts';
import type { Reading } from '../references/find-references.ts';
import { type SameObjects, stableName } from '../same-objects.ts';
import { changeOf, isOutOfReach } from './post-render.ts';
import type { PodOwner, PostRender } from './post-render-rule.ts';

/**
 * The texts that the post-renderer has to replace for the places that values left unproven. A text that one place needs replaced, and another
 * as it is or by something else, is left out: the post-renderer goes by texts. `isCarried` says whether an image is in the bundle.
 */
export function choosePostRender(
  unproven: readonly Unproven[],
  rule: Pick<PostRender, 'hooks'>,
  isCarried: (place: Reading) => boolean,
): Record<string, string> {
  const hopeful = unproven.filter(({ place, after, found, wanted }) => {
    if (after === undefined || wanted === undefined || isOutOfReach(after.object, rule)) return false;
    // The same image, at least by name and tag: where another thing stands now, it may stand elsewhere and mean itself.
    if (![place.text, wanted].some((text) => lastPart(text) === lastPart(found))) return false;
    return isCarried(place) && changeOf({ ...after, text: found }, wanted) !== undefined;
  });
  const wantedTexts = new Set(unproven.map(({ wanted }) => wanted));
  const images: Record<string, string> = {};
  for (const [found, group] of Map.groupBy(hopeful, (entry) => entry.found)) {
    const [wanted, ...others] = new Set(group.map((entry) => entry.wanted));
    if (wanted !== undefined && others.length === 0 && !wantedTexts.has(found)) images[found] = wanted;
  }
  return images;
}

function lastPart(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

/** How the post-renderer knows an object again, also one whose name is new in each render. */
export function ownerOf(object: RenderedObject, base: BaseRender, pairs: SameObjects): PodOwner {
  const original = [...pairs].find(([, partner]) => partner === object)?.[0];
  const name = (original && base.newNames.get(original)) ?? stableName(object.name, original?.name ?? object.name);
  return { kind: object.kind, name, ...(object.namespace === undefined ? {} : { namespace: object.namespace }) };
}
