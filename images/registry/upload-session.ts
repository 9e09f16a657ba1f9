import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import type { Abortable } from './registry.ts';
import { pullScope, pushScope, type RegistryClient } from './registry-client.ts';
import { uploadLocation } from './registry-destination.ts';
import { readComplaint } from './registry-failure.ts';
import { guideTo } from './registry-guide.ts';
import { type Answer, discard, header } from './registry-transport.ts';
import { habitsOf } from './upload-habits.ts';

/** An upload under way. It changes with every answer. */
export interface UploadSession {
  /** Good for one request: each answer brings the next. */
  url: URL;
  /** Bytes that the registry has. */
  offset: number;
  /** Bytes that it may have: no answer can rightly name more. */
  sent: number;
}

/** Whose upload: the registry and the repository. */
export interface UploadPlace {
  readonly client: RegistryClient;
  readonly repository: string;
}

/** Throws REGISTRY_DENIED, REGISTRY_NOT_FOUND or REGISTRY_FAILED with what to do. */
export async function beginUpload({ client, repository }: UploadPlace, { signal }: Abortable): Promise<UploadSession> {
  const answer = await client.send({
    method: 'POST',
    url: `/v2/${repository}/blobs/uploads/`,
    headers: { 'content-length': '0' },
    scopes: [pushScope(repository)],
    signal,
  });
  return (await sessionOf(client, answer)) ?? Promise.reject(await refusedUpload(client, repository, answer));
}

/** Mounts a blob from another repository, or begins an upload: into the session that the registry opens instead, where it does. */
export async function mountBlob(
  { client, repository }: UploadPlace,
  { digest, from }: { readonly digest: Digest; readonly from: string },
  { signal }: Abortable,
): Promise<UploadSession | 'mounted'> {
  const query = new URLSearchParams({ mount: digest, from });
  const request = {
    method: 'POST',
    url: `/v2/${repository}/blobs/uploads/?${query}`,
    headers: { 'content-length': '0' },
    scopes: [pushScope(repository), pullScope(from)],
    signal,
  } as const;
  const answer = await client.send(request).catch((error: unknown) => {
    // A token server that gives no token for both: the repository alone may do.
    if (error instanceof BundleError && error.code === 'REGISTRY_DENIED') return undefined;
    throw error;
  });
  if (answer?.status === 201) {
    await discard(answer);
    return 'mounted';
  }
  // 202 is a session to upload into. Any error may be about the mount alone: then it is asked for without.
  const session = answer && (await sessionOf(client, answer));
  if (session !== undefined) return session;
  if (answer !== undefined) await discard(answer);
  return beginUpload({ client, repository }, { signal });
}

/** Cancels an upload. That is a courtesy: it may take a right of its own (distribution: delete), and need not succeed. */
export async function cancelUpload(
  { client, repository }: UploadPlace,
  { url }: UploadSession,
  { signal }: Abortable,
): Promise<void> {
  const scopes = [pushScope(repository)];
  const answer = await client.attempt({ method: 'DELETE', url, scopes, signal }).catch(() => undefined);
  signal.throwIfAborted();
  if (answer !== undefined) await discard(answer);
}

/** Where an answer says that the upload goes on; without a word where it was. */
export async function moveOn({ client }: UploadPlace, session: UploadSession, answer: Answer): Promise<void> {
  const location = header(answer, 'location');
  if (location !== undefined) session.url = await uploadLocation(client.host, answer.url, location);
}

/** Bytes that a `Range` says are there: `0-41` is 42. Of nothing it is `0-0` (distribution) or `0--1` (Gitea). */
export function heldBytes(range: string | undefined): number | undefined {
  const end = /^(?:bytes=)?0-(-?\d+)$/.exec(range?.trim() ?? '')?.[1];
  if (end === undefined) return undefined;
  return Number(end) <= 0 ? 0 : Number(end) + 1;
}

/** Asks how far an upload got and goes on from there. False when the registry does not know it any more, or tells what cannot be. */
export async function findSession(place: UploadPlace, session: UploadSession, { signal }: Abortable): Promise<boolean> {
  const { client, repository } = place;
  const answer = await client.send({ method: 'GET', url: session.url, scopes: [pushScope(repository)], signal });
  const held = heldBytes(header(answer, 'range'));
  await discard(answer);
  if (answer.status !== 204 || held === undefined || held > session.sent) return false;
  await moveOn(place, session, answer);
  session.offset = held;
  return true;
}

/**
 * Finds out whether a host goes on with an upload that broke off, on one of no use: it must refuse a chunk that does not fit (416),
 * and know the upload afterwards. distribution 2 takes any chunk at any place.
 */
export async function provesResuming(place: UploadPlace, { signal }: Abortable): Promise<boolean> {
  const { client, repository } = place;
  const session = await beginUpload(place, { signal });
  const answer = await client.send({
    method: 'PATCH',
    url: session.url,
    headers: { 'content-type': 'application/octet-stream', 'content-length': '1', 'content-range': '5-5' },
    openBody: () => Buffer.from('?'),
    scopes: [pushScope(repository)],
    signal,
  });
  await discard(answer);
  const refused = answer.status === 416;
  if (refused || answer.status < 300) await moveOn(place, session, answer);
  const proven = refused && (await findSession(place, session, { signal }));
  await cancelUpload(place, session, { signal });
  return proven;
}

async function sessionOf(client: RegistryClient, answer: Answer): Promise<UploadSession | undefined> {
  const location = header(answer, 'location');
  if (answer.status !== 202 || location === undefined) return undefined;
  await discard(answer);
  const chunkMin = Number(header(answer, 'oci-chunk-min-length') ?? Number.NaN);
  if (Number.isSafeInteger(chunkMin) && chunkMin <= mostMinimum) habitsOf(client).chunkMin = chunkMin;
  return { url: await uploadLocation(client.host, answer.url, location), offset: 0, sent: 0 };
}

/** A larger `OCI-Chunk-Min-Length` is nonsense. */
const mostMinimum = 1 << 30;

async function refusedUpload(client: RegistryClient, repository: string, answer: Answer): Promise<BundleError> {
  const complaint = await readComplaint(answer);
  const doing = `the push to ${repository}`;
  const error = await client.failure(answer, { doing, what: `repository ${repository} to push to`, right: 'push' }, complaint);
  const hint = {
    403: `${error.hint}; where projects are made by hand, this is also how one that does not exist looks: create it first`,
    404: `this registry does not create repositories by itself: create ${repository} (or its project) there first; ${guideTo('repositories-and-projects')}`,
    405: `it is read-only, perhaps a pull-through cache: name the registry behind it; ${guideTo('behind-a-proxy')}`,
  }[answer.status];
  return hint === undefined ? error : new BundleError(error.code, error.message, { hint });
}
