import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import type { Descriptor } from '../descriptor.ts';
import { manifestLimit, parseManifest } from '../manifest.ts';
import { ociIndexType } from '../media-types.ts';
import { nextQuery } from './next-page.ts';
import type { Abortable } from './registry.ts';
import { pullScope, type RegistryClient } from './registry-client.ts';
import { type Answer, discard, header, readBody } from './registry-transport.ts';

/** Pages of one list that are asked for. */
const mostPages = 20;

/** Artifacts that one manifest may have; a registry that lists more is not believed. */
export const mostReferrers = 500;

/** Answers of registries that do not have the API: distribution 404 in plain text, others 405, 400, 403 or a web page. */
const without = new Set([400, 401, 403, 404, 405, 406, 410, 501]);

/**
 * What refers to `digest` (distribution spec, "Listing Referrers"), all pages. `unsupported`: the registry has no such API, and the tag
 * `referrersTag(digest)` may have the list. Throws MANIFEST_INVALID (more than 500, a page over 4 MiB) and what a request throws.
 */
export async function fetchReferrers(
  client: RegistryClient,
  repository: string,
  digest: Digest,
  { signal }: Abortable,
): Promise<readonly Descriptor[] | 'unsupported'> {
  const path = `/v2/${repository}/referrers/${digest}`;
  const what = `${client.host}${path}`;
  const found = new Map<Digest, Descriptor>();
  let query: string | undefined = '';
  for (let page = 0; query !== undefined; page += 1) {
    if (page === mostPages) throw tooMany(what, `more than ${mostPages} pages`);
    const headers = { accept: ociIndexType };
    const answer: Answer = await client.send({
      method: 'GET',
      url: path + query,
      headers,
      documentLimit: manifestLimit,
      scopes: [pullScope(repository)],
      signal,
    });
    const listed = await listIn(client, answer, what);
    if (listed === undefined) return 'unsupported';
    for (const descriptor of listed) found.set(descriptor.digest, descriptor);
    if (found.size > mostReferrers) throw tooMany(what, `more than ${mostReferrers} artifacts`);
    query = nextQuery(header(answer, 'link'));
  }
  return [...found.values()];
}

/** The tag under which a registry without the API has the list of what refers to `digest` (distribution spec, "Referrers Tag Schema"). */
export function referrersTag(digest: Digest): string {
  return digest.replace(':', '-');
}

async function listIn(client: RegistryClient, answer: Answer, what: string): Promise<readonly Descriptor[] | undefined> {
  if (without.has(answer.status)) {
    await discard(answer);
    return undefined;
  }
  if (answer.status !== 200) throw await client.failure(answer, { doing: `the listing of ${what}`, what, right: 'pull' });
  const mediaType = header(answer, 'content-type')?.split(';')[0]?.trim();
  if (mediaType !== undefined && !/json$/.test(mediaType)) {
    await discard(answer); // a web page that is shown for every path
    return undefined;
  }
  const bytes = await readBody(answer, manifestLimit);
  if (bytes === undefined) throw tooMany(what, `a page of more than ${manifestLimit} bytes`);
  return parseList(bytes, what);
}

function parseList(bytes: Buffer, what: string): readonly Descriptor[] | undefined {
  try {
    const list = parseManifest(bytes, what);
    return 'manifests' in list ? list.manifests : undefined;
  } catch (error) {
    if (error instanceof BundleError) return undefined; // some other JSON
    throw error;
  }
}

function tooMany(what: string, reason: string): BundleError {
  return new BundleError('MANIFEST_INVALID', `${what} lists ${reason}`, {
    hint: 'images: { attached: none } leaves signatures and what else refers to images behind',
  });
}
