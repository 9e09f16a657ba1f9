import { z } from 'zod';
import { nextQuery } from './next-page.ts';
import type { Abortable } from './registry.ts';
import { pullScope, type RegistryClient } from './registry-client.ts';
import { header, readBody } from './registry-transport.ts';

const TagList = z.object({ tags: z.array(z.string()).nullish() }).transform((list) => list.tags ?? []);

/** A list of tags beyond this is not read. Bytes. */
const listLimit = 4 << 20;

/** How often a registry is asked for more: 100 tags a page are few, 1000 are usual. */
const mostPages = 20;

/** The tags of a repository, those of 20 pages at most. Throws REGISTRY_NOT_FOUND when it does not exist. */
export async function listTags(client: RegistryClient, repository: string, { signal }: Abortable): Promise<readonly string[]> {
  const tags = new Set<string>();
  let query: string | undefined = '?n=1000';
  for (let page = 0; query !== undefined && page < mostPages; page += 1) {
    const answer = await client.send({
      method: 'GET',
      url: `/v2/${repository}/tags/list${query}`,
      documentLimit: listLimit,
      scopes: [pullScope(repository)],
      signal,
    });
    if (answer.status !== 200) {
      throw await client.failure(answer, { doing: `the listing of ${repository}`, what: repository, right: 'pull' });
    }
    query = nextQuery(header(answer, 'link'));
    const body = await readBody(answer, listLimit);
    for (const tag of parseTags(body?.toString() ?? '')) tags.add(tag);
  }
  return [...tags];
}

function parseTags(text: string): readonly string[] {
  try {
    return TagList.parse(JSON.parse(text));
  } catch {
    return [];
  }
}

/** Five tags that are most like `tag`: the longest common beginning first, then the shortest. */
export function nearTags(tags: readonly string[], tag: string): readonly string[] {
  return tags
    .map((other) => ({ other, common: commonBeginning(tag, other) }))
    .sort((a, b) => b.common - a.common || a.other.length - b.other.length || (a.other < b.other ? -1 : 1))
    .slice(0, 5)
    .map(({ other }) => other);
}

function commonBeginning(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}
