import type { Bundle } from '../bundle-spec/bundle.ts';

/**
 * The test that `images.gated` makes of a canonical reference: whether a gated image travels. A pattern is a reference in which `*` stands
 * for any characters; without a tag it is every tag, and `redis` or `bitnami/*` are of docker.io, as ever.
 */
export function gatedPolicy(policy: Bundle['images']['gated']): (reference: string) => boolean {
  if (policy === 'report') return () => false;
  if (policy === 'include') return () => true;
  const patterns = policy.map(patternOf);
  return (reference) => patterns.some((pattern) => pattern.test(reference));
}

/** Patterns that match none of the canonical references: most likely they are misspelt. */
export function unmatchedPatterns(policy: Bundle['images']['gated'], references: readonly string[]): readonly string[] {
  if (typeof policy === 'string') return [];
  return policy.filter((pattern) => !references.some(gatedPolicy([pattern])));
}

function patternOf(text: string): RegExp {
  const name = canonicalName(text);
  const pinned = /[:@]/.test(name.slice(name.lastIndexOf('/') + 1));
  const body = name.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${body}${pinned || name.endsWith('*') ? '' : '(?:[:@].*)?'}$`);
}

/** As `parseReference` completes a name: no host is docker.io, one part there is `library/`. */
function canonicalName(text: string): string {
  const [first = '', ...rest] = text.split('/');
  if (first.startsWith('*')) return text;
  if (rest.length === 0) return `docker.io/library/${text}`;
  return /[.:*]/.test(first) || first === 'localhost' ? text : `docker.io/${text}`;
}
