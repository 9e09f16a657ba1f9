import type { MemoryRegistry } from '../memory-registry.ts';
import { reply } from '../reply.ts';
import { changingHeaders, pass, type Quirk, when } from './quirk.ts';

const uploads = /\/blobs\/uploads\//;

/** Rewrites the Location of every upload. */
function locating(change: (location: string, registry: MemoryRegistry) => string): Quirk {
  return changingHeaders('POST|PATCH', uploads, (headers, _request, registry) => ({
    ...headers,
    ...(headers.location === undefined ? {} : { location: change(headers.location, registry) }),
  }));
}

/** A whole URL instead of a path. */
export const absoluteLocation = (): Quirk => locating((location, { origin }) => `${origin}${location}`);

/** Relative to the path of the request: `<id>?step=0` after `…/uploads/`. */
export const relativeLocation = (): Quirk =>
  locating((location) => location.slice(location.indexOf('/uploads/') + '/uploads/'.length));

/** http, although the client came by TLS (a proxy in front). */
export const httpLocation = (): Quirk => locating((location, { host }) => `http://${host}${location}`);

/** The host without the port that the client came by. */
export const portlessLocation = (): Quirk =>
  locating((location, { origin }) => `${new URL(origin).protocol}//${new URL(origin).hostname}${location}`);

/** Uploads go to another origin: a registry whose store is its own. */
export const elsewhereUpload = (other: MemoryRegistry): Quirk =>
  when('POST', uploads, ({ url = '' }) => {
    const name = /^\/v2\/(.+)\/blobs\/uploads/.exec(url)?.[1] ?? '';
    return reply(202, { location: `${other.origin}/v2/${name}/blobs/uploads/${other.store.openUpload(name)}?step=0` });
  });

/** A signed query, in which `+` and `%2B` are different things; the request must bring it back to the letter. */
export function signedLocation(signature = 'sig=a+b%2Bc%2f/=='): Quirk {
  const sign = locating((location) => `${location}&${signature}`);
  const check = when('PATCH|PUT', uploads, () => reply(403, {}, '<Error>SignatureDoesNotMatch</Error>'));
  return (request, response, registry) => {
    const isSigned = request.method === 'POST' || (request.url ?? '').includes(`&${signature}`);
    return isSigned ? sign(request, response, registry) : check(request, response, registry);
  };
}

/** Sends requests on to another origin; `query` is what a presigned URL would bear. */
export function redirecting(path: RegExp, status: number, to: () => string, query = () => ''): Quirk {
  return when('GET|HEAD', path, (request) => reply(status, { location: `${to()}${request.url}${query()}` }));
}

/** What storage behind a presigned URL does with a request that also has an Authorization (S3, Azure). */
export function refusingAuthorization(): Quirk {
  return when('GET|HEAD|PUT|PATCH', /./, ({ headers }) =>
    headers.authorization === undefined ? pass : reply(400, {}, '<Error><Code>InvalidArgument</Code></Error>'),
  );
}

/** A presigned URL that is good for one request only, as if it had expired by the next. */
export function expiring(): Quirk {
  const used = new Set<string | undefined>();
  return when('GET', /./, ({ url }) => (used.size < used.add(url).size ? pass : reply(403, {}, 'Request has expired')));
}
