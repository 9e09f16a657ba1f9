import type { Finding } from '../../bundle-spec/finding.ts';
import type { BaseRender } from '../base-render.ts';
import { formatObjectPath } from '../references/payload.ts';
import { asReference } from '../references/reference-text.ts';

/** TAG_UNKNOWN for every repository that stands in a document without its tag, and of which no render shows an image. */
export function findUnknownTags(bases: readonly BaseRender[]): Finding[] {
  const places = bases.flatMap((base) => base.places);
  const complete = new Set(places.flatMap((place) => (place.complete ? (repositoryOf(place.text) ?? []) : [])));
  const open = places.filter((place) => place.alsoLocal && !complete.has(repositoryOf(place.text) ?? ''));
  const distinct = new Map(open.map((place) => [place.text, place]));
  return [...distinct.values()].map(({ text, object, path }) => ({
    severity: 'info',
    code: 'TAG_UNKNOWN',
    message: `${text} stands in ${object.kind}/${object.name}, ${formatObjectPath(path)}, without a tag: whether a program makes an image of it, and which, is not known`,
    where: `${object.kind}/${object.name} ${formatObjectPath(path)}`,
    fix: `if it is pulled, add ${text}:TAG to images.extra, with the tag that the program takes`,
  }));
}

function repositoryOf(text: string): string | undefined {
  const reference = asReference(text);
  return reference === undefined ? undefined : `${reference.host}/${reference.repository}`;
}
