/**
 * The query of the page behind one of a list (distribution-spec, "Listing Tags"; RFC 8288): of `</v2/shop/api/tags/list?n=100&last=x>; rel="next"`
 * nothing but the question is taken, which is asked of the same host and path. `undefined` for the last page.
 */
export function nextQuery(link: string | undefined): string | undefined {
  const target = /<([^>]*)>\s*;[^,]*rel="?next\b/.exec(link ?? '')?.[1];
  return target === undefined ? undefined : /\?[^#]*/.exec(target)?.[0];
}
