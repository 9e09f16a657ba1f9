import { formatReference } from '../../images/reference.ts';
import { asReference, pinOf } from './reference-text.ts';
import { isHostAlone } from './registry-hosts.ts';

/**
 * A test for the entries of `images.ignore`: an entry with a tag or digest is that reference, one without is every tag of the repository.
 * Entries and references are compared in canonical form.
 */
export function ignoredReferences(entries: readonly string[]): (text: string) => boolean {
  const exact = new Set<string>();
  const repositories = new Set<string>();
  for (const entry of entries) {
    const reference = asReference(entry);
    if (reference === undefined) continue;
    if (pinOf(entry) === '') repositories.add(`${reference.host}/${reference.repository}`);
    else exact.add(formatReference(reference));
  }
  return (text) => {
    const reference = asReference(text);
    if (reference === undefined) return false;
    return exact.has(formatReference(reference)) || repositories.has(`${reference.host}/${reference.repository}`);
  };
}

/** A test for `images.extra`: whether one of its entries is an image of the repository or registry that `text` names, or lies below it. */
export function extraReferences(entries: readonly string[]): (text: string) => boolean {
  const names = entries.flatMap((entry) => asReference(entry) ?? []).map(({ host, repository }) => `${host}/${repository}`);
  return (text) => {
    if (isHostAlone(text)) return names.some((extra) => extra.startsWith(`${text}/`));
    const reference = asReference(text);
    if (reference === undefined || pinOf(text) !== '') return false;
    const name = `${reference.host}/${reference.repository}`;
    return names.some((extra) => extra === name || extra.startsWith(`${name}/`));
  };
}
