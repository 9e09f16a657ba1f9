import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Place } from '../bundle-spec/lock.ts';
import { formatReference } from '../images/reference.ts';
import type { BaseRender } from './base-render.ts';
import type { Leftover } from './discovery.ts';
import type { Reading } from './references/find-references.ts';
import { formatObjectPath } from './references/payload.ts';
import { asReference } from './references/reference-text.ts';

/** What a place is told with: the release it belongs to, and the names that change in its render. */
export interface PlaceContext {
  readonly release: string;
  readonly profile?: string;
  readonly newNames: BaseRender['newNames'];
}

/** A place as the lock and messages name it. */
export function placeOf(reading: Reading, { newNames, ...context }: PlaceContext): Place {
  const { kind, namespace, name, hook } = reading.object;
  return {
    ...context,
    kind,
    ...(namespace === undefined ? {} : { namespace }),
    name: newNames.get(reading.object) ?? name,
    path: formatObjectPath(reading.path),
    ...(hook === undefined ? {} : { hook }),
  };
}

/** `found` is what stands there after the rewrite, or before it where nothing could be done. */
export function describeLeftover(place: Reading, found: string, reason: Leftover['reason'], context: PlaceContext): Leftover {
  const reference = asReference(place.text);
  const full = reference === undefined ? place.text : formatReference(reference);
  const name = place.complete ? full : full.replace(/:latest$/, '');
  const untagged = `${name.replace(/:latest$/, '')}:TAG`;
  return {
    place: placeOf(place, context),
    template: place.object.template,
    reference: found,
    reason,
    specLine:
      reason === 'untagged' ? `images: {extra: [${JSON.stringify(untagged)}]}` : `images: {ignore: [${JSON.stringify(name)}]}`,
  };
}

const reasons: Readonly<Record<Leftover['reason'], string>> = {
  'hard-coded': 'no value of the chart controls it',
  'not-local': 'it stays foreign after the rewrite',
  unexpected: 'after the rewrite it points to where the image will not be',
  missing: 'the rewrite makes the place disappear',
  untagged: 'it names no tag, so what has to travel is not known',
};

/** What stands at the place of a leftover, the template that prints it, and why it is left. */
export function leftoverReason({ template, reference, reason }: Pick<Leftover, 'template' | 'reference' | 'reason'>): string {
  return `${reference} (${template}): ${reasons[reason]}`;
}

/** A leftover in one line: release, object, path, and the reason. */
export function leftoverLine({ place, ...left }: Leftover): string {
  const object = `${place.kind} ${place.namespace === undefined ? '' : `${place.namespace}/`}${place.name}`;
  return `${place.release}: ${object}, ${place.path}: ${leftoverReason(left)}`;
}

/** REWRITE_UNPROVEN that names object, path, reference and template of every leftover, and the lines to add to the spec. */
export function rewriteUnproven(leftovers: readonly Leftover[]): BundleError {
  const what = leftovers.length === 1 ? '1 reference is' : `${leftovers.length} references are`;
  const lines = leftovers.map(leftoverLine).join('\n  ');
  return new BundleError('REWRITE_UNPROVEN', `${what} not proven to come from the site's registry:\n  ${lines}`, {
    hint: `${hintFor(leftovers)}${hookHint(leftovers)}`,
  });
}

/** A value that is named helps where the place is an image; a repository alone needs its tag. */
function hintFor(leftovers: readonly Leftover[]): string {
  const linesOf = (untagged: boolean): string =>
    [...new Set(leftovers.filter(({ reason }) => (reason === 'untagged') === untagged).map(({ specLine }) => specLine))].join(
      ' ',
    );
  const [tagged, untagged] = [linesOf(false), linesOf(true)];
  return [
    ...(tagged === '' ? [] : [`name the value that holds it in images.paths, or add to the spec: ${tagged}`]),
    ...(untagged === ''
      ? []
      : [
          `add to the spec: ${untagged}, with the tag that is pulled for TAG (where nothing is pulled, the repository in images.ignore)`,
        ]),
  ].join('; ');
}

/** What stands in a hook as it is pulled is left for one reason only. */
function hookHint(leftovers: readonly Leftover[]): string {
  const inHook = leftovers.some(({ reason, place }) => reason === 'hard-coded' && place.hook !== undefined);
  return inHook ? '; or install with Helm 4: Helm 3 sends no hooks through a post-renderer' : '';
}
