import type { RenderedObject } from '../manifest-stream.ts';

/** `Deployment/shop-api`, as findings call an object. */
export function nameOf({ kind, name }: Pick<RenderedObject, 'kind' | 'name'>): string {
  return `${kind}/${name}`;
}

/** True for objects that only `helm test` creates. */
export function isTestOnly({ hook }: RenderedObject): boolean {
  return hook?.split(',').every((event) => /^\s*test/.test(event)) === true;
}

/** `1.35, 1.36`. */
export function listed(words: readonly string[]): string {
  return words.join(', ');
}
