import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { RenderedObject } from './manifest-stream.ts';
import { type Reading, readAllReferences } from './references/find-references.ts';
import { formatObjectPath } from './references/payload.ts';
import { asReference } from './references/reference-text.ts';

/** An unprobed render and the places of references in it. */
export interface BaseRender {
  readonly kubernetes: string;
  readonly objects: readonly RenderedObject[];
  readonly places: readonly Reading[];
  /** What to call the objects whose name is new in each render: `shop-test-*`. */
  readonly newNames: ReadonlyMap<RenderedObject, string>;
}

/** A render and every place in it where a reference stands for certain. */
export function readBase(objects: readonly RenderedObject[], kubernetes: string): BaseRender {
  const places = readAllReferences(objects);
  return { kubernetes, objects, places, newNames: new Map() };
}

/** Throws REFERENCE_INVALID for a pod image that is none, such as `:1.0`: a chart that waits for its user to name an image. */
export function checkPodImages({ places }: BaseRender): void {
  const broken = places.find(({ as, text }) => as === 'pod' && asReference(text) === undefined);
  if (broken !== undefined) throw noReference(broken);
}

/** Tells places of one render apart. */
export function placeKey(place: Reading): string {
  const { template, kind, namespace, name, occurrence } = place.object;
  return JSON.stringify([template, kind, namespace, name, occurrence, formatObjectPath(place.path), place.as, place.index]);
}

function noReference({ object, path, text }: Reading): BundleError {
  const where = `${object.kind} ${object.name}, ${formatObjectPath(path)} (${object.template})`;
  return new BundleError('REFERENCE_INVALID', `${where}: ${JSON.stringify(text)} is no image reference`, {
    hint: 'give the release the values that name this image',
  });
}
