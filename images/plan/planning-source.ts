import pLimit, { type LimitFunction } from 'p-limit';
import { Digest } from '../../bundle-spec/names.ts';
import type { HeldDocument } from '../descriptor.ts';
import type { Located } from './image-plan.ts';

/**
 * Wraps where references are so that planning asks each registry gently: at most `concurrency` requests under way over all images, and
 * no manifest twice, however many images name it.
 */
export function planningSource(concurrency: number): (located: Located) => Located {
  const limit = pLimit(concurrency);
  const shared = new Map<Located['registry'], Map<string, Promise<HeldDocument>>>();
  return (located) => {
    const known = shared.get(located.registry) ?? new Map<string, Promise<HeldDocument>>();
    shared.set(located.registry, known);
    return { repository: located.repository, registry: limited(located.registry, limit, known) };
  };
}

function limited(
  registry: Located['registry'],
  limit: LimitFunction,
  known: Map<string, Promise<HeldDocument>>,
): Located['registry'] {
  const { headManifest, fetchReferrers, hasBlob } = registry;
  return {
    pullBlob: (...request) => registry.pullBlob(...request),
    fetchBlob: (...request) => limit(() => registry.fetchBlob(...request)),
    fetchManifest: (...request) => once(known, request, () => limit(() => registry.fetchManifest(...request))),
    ...(headManifest && { headManifest: (...request) => limit(() => headManifest(...request)) }),
    ...(fetchReferrers && { fetchReferrers: (...request) => limit(() => fetchReferrers(...request)) }),
    ...(hasBlob && { hasBlob: (...request) => limit(() => hasBlob(...request)) }),
  };
}

/** What a tag names is known by its digest, too, from then on. A tag may move, but not within one plan. */
function once(
  known: Map<string, Promise<HeldDocument>>,
  [repository, reference]: Parameters<Located['registry']['fetchManifest']>,
  fetch: () => Promise<HeldDocument>,
): Promise<HeldDocument> {
  const key = (name: string) => `${repository} ${name}`;
  const before = known.get(key(reference));
  if (before !== undefined) return before;
  const fetched = fetch();
  known.set(key(reference), fetched);
  if (!Digest.safeParse(reference).success) {
    // The image that asked hears of a failure; here is nobody to tell.
    fetched.then(
      (held) => known.set(key(held.descriptor.digest), fetched),
      () => undefined,
    );
  }
  return fetched;
}
