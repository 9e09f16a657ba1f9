import { z } from 'zod';
import type { Abortable } from './registry.ts';
import { pullScope, type RegistryClient } from './registry-client.ts';
import { readBody } from './registry-transport.ts';

const TagList = z.object({ tags: z.array(z.string()).nullish() }).transform((list) => list.tags ?? []);

/** A list of tags beyond this is not read. Bytes. */
const listLimit = 4 << 20;

/** The first 1000 tags of a repository. Throws REGISTRY_NOT_FOUND when it does not exist. */
export async function listTags(client: RegistryClient, repository: string, { signal }: Abortable): Promise<readonly string[]> {
  const url = `/v2/${repository}/tags/list?n=1000`;
  const answer = await client.send({ method: 'GET', url, scopes: [pullScope(repository)], signal });
  if (answer.status !== 200) {
    throw await client.failure(answer, { doing: `the listing of ${repository}`, what: repository, right: 'pull' });
  }
  const body = await readBody(answer, listLimit);
  try {
    return TagList.parse(JSON.parse(body?.toString() ?? ''));
  } catch {
    return [];
  }
}

/** Five tags that are most like `tag`: the longest common beginning first, then the shortest. Throws as `listTags` does. */
export async function nearTags(
  client: RegistryClient,
  repository: string,
  tag: string,
  options: Abortable,
): Promise<readonly string[]> {
  const tags = await listTags(client, repository, options);
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
