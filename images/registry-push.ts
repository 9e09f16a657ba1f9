import { setTimeout as sleep } from 'node:timers/promises';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Digest } from '../bundle-spec/names.ts';
import { connectionFailure, connectionTrouble } from './connection-failure.ts';
import type { Descriptor } from './descriptor.ts';
import type { Abortable, PushBlobOptions } from './registry.ts';
import { pullScope, pushScope, type RegistryClient, type RegistryRequest } from './registry-client.ts';
import { uploadLocation } from './registry-destination.ts';
import { type RegistryComplaint, readComplaint } from './registry-failure.ts';
import { type Answer, discard, header } from './registry-transport.ts';
import { uploadBody } from './upload-body.ts';

/** How a host takes a blob: in the closing PUT, or in one PATCH before it (older Artifactory). */
type UploadStyle = 'put' | 'patch';

/** Remembered for a host once it has refused the first. */
const styles = new WeakMap<RegistryClient, UploadStyle>();

/** One blob on its way up. */
interface Upload {
  readonly client: RegistryClient;
  readonly repository: string;
  readonly descriptor: Descriptor;
  readonly openBody: () => AsyncIterable<Buffer>;
  readonly options: PushBlobOptions;
}

/** `again`: begin anew, or throw `error` when patience ends. */
type UploadOutcome =
  | { readonly done: true }
  | { readonly again: true; readonly error: () => Promise<BundleError>; readonly lostAfterSending?: boolean };

/** Sessions that a registry may lose before the blob is given up. */
const mostSessions = 6;

export async function hasBlob(
  client: RegistryClient,
  repository: string,
  digest: Digest,
  { signal }: Abortable,
): Promise<boolean> {
  const answer = await client.send({
    method: 'HEAD',
    url: `/v2/${repository}/blobs/${digest}`,
    scopes: [pullScope(repository)],
    signal,
  });
  await discard(answer);
  return answer.status === 200;
}

export async function pushBlob(
  client: RegistryClient,
  repository: string,
  descriptor: Descriptor,
  openBody: () => AsyncIterable<Buffer>,
  options: PushBlobOptions,
): Promise<'present' | 'mounted' | 'pushed'> {
  if (await hasBlob(client, repository, descriptor.digest, options)) return 'present';
  const upload: Upload = { client, repository, descriptor, openBody, options };
  let session =
    options.mountFrom === undefined ? await beginUpload(client, repository, options) : await mountBlob(upload, options.mountFrom);
  if (session === 'mounted') return 'mounted';
  for (let failed = 1; ; failed += 1) {
    const outcome = await sendBlob(upload, session);
    if ('done' in outcome) return 'pushed';
    // A commit that was lost on the way back may still have happened.
    if (outcome.lostAfterSending && (await hasBlob(client, repository, descriptor.digest, options))) return 'pushed';
    const pauseMs = failed < mostSessions ? client.gate.pauseAfter({ connection: 'dropped' }, failed) : undefined;
    if (pauseMs === undefined) throw await outcome.error();
    await sleep(pauseMs, undefined, { signal: options.signal });
    session = await beginUpload(client, repository, options);
  }
}

/** Begins an upload and cancels it. Throws REGISTRY_DENIED, REGISTRY_NOT_FOUND or REGISTRY_FAILED with what to do. */
export async function checkPush(client: RegistryClient, repository: string, { signal }: Abortable): Promise<void> {
  const url = await beginUpload(client, repository, { signal });
  // Cancelling is a courtesy: it may take a right of its own (distribution: delete).
  const cancelled = await client
    .attempt({ method: 'DELETE', url, scopes: [pushScope(repository)], signal })
    .catch(() => undefined);
  signal.throwIfAborted();
  if (cancelled !== undefined) await discard(cancelled);
}

async function beginUpload(client: RegistryClient, repository: string, { signal }: Abortable): Promise<URL> {
  const request: RegistryRequest = {
    method: 'POST',
    url: `/v2/${repository}/blobs/uploads/`,
    headers: { 'content-length': '0' },
    scopes: [pushScope(repository)],
    signal,
  };
  const answer = await client.send(request);
  return (await sessionOf(client, answer)) ?? Promise.reject(await refusedUpload(client, repository, answer));
}

async function mountBlob({ client, repository, descriptor, options }: Upload, from: string): Promise<URL | 'mounted'> {
  const query = new URLSearchParams({ mount: descriptor.digest, from });
  const answer = await client.send({
    method: 'POST',
    url: `/v2/${repository}/blobs/uploads/?${query}`,
    headers: { 'content-length': '0' },
    scopes: [pushScope(repository), pullScope(from)],
    signal: options.signal,
  });
  if (answer.status === 201) {
    await discard(answer);
    return 'mounted';
  }
  // 202 is a session to upload into. Any error may be about the mount alone: then it is asked for without.
  const session = await sessionOf(client, answer);
  if (session !== undefined) return session;
  await discard(answer);
  return beginUpload(client, repository, options);
}

async function sessionOf(client: RegistryClient, answer: Answer): Promise<URL | undefined> {
  const location = header(answer, 'location');
  if (answer.status !== 202 || location === undefined) return undefined;
  await discard(answer);
  return await uploadLocation(client.host, answer.url, location);
}

async function sendBlob(upload: Upload, session: URL): Promise<UploadOutcome> {
  const { client, options } = upload;
  const style = styles.get(client) ?? 'put';
  const body = uploadBody(upload.openBody(), upload.descriptor, options.onSent);
  const signal = AbortSignal.any([options.signal, body.stalled]);
  let opened = false;
  const openBody = () => {
    // A repetition within one attempt (401, 307) needs the bytes once more.
    const bytes = opened ? uploadBody(upload.openBody(), upload.descriptor, options.onSent).bytes : body.bytes;
    opened = true;
    return bytes;
  };
  try {
    const answer = await sendByStyle(upload, style, session, openBody, signal);
    return await outcomeOf(upload, style, answer);
  } catch (error) {
    options.signal.throwIfAborted();
    if (body.sourceError() !== undefined) throw body.sourceError();
    const connection = body.stalled.aborted ? 'dropped' : connectionTrouble(error);
    if (connection === undefined) throw error;
    return { again: true, lostAfterSending: true, error: () => connectionFailure(client.host, session, connection, error) };
  }
}

async function sendByStyle(
  upload: Upload,
  style: UploadStyle,
  session: URL,
  openBody: () => AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<Answer> {
  const { client, repository, descriptor } = upload;
  const scopes = [pushScope(repository)];
  const bytes = { 'content-type': 'application/octet-stream', 'content-length': String(descriptor.size) };
  if (style === 'put') {
    return client.attempt({
      method: 'PUT',
      url: closing(session, descriptor.digest),
      headers: bytes,
      openBody,
      scopes,
      headersTimeoutMs: 0,
      signal,
    });
  }
  const patched = await client.attempt({
    method: 'PATCH',
    url: session,
    headers: bytes,
    openBody,
    scopes,
    headersTimeoutMs: 0,
    signal,
  });
  const location = header(patched, 'location');
  if (patched.status < 200 || patched.status > 299 || location === undefined) return patched;
  await discard(patched);
  const url = closing(await uploadLocation(client.host, patched.url, location), descriptor.digest);
  return client.attempt({ method: 'PUT', url, headers: { 'content-length': '0' }, scopes, headersTimeoutMs: 0, signal });
}

/** What a registry says at the end of an upload when it has lost the session, as distribution does after any broken request. */
const lostSession = new Set(['BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_INVALID']);

const wrongBytes = new Set(['DIGEST_INVALID', 'SIZE_INVALID']);

async function outcomeOf(upload: Upload, style: UploadStyle, answer: Answer): Promise<UploadOutcome> {
  const { client, repository, descriptor } = upload;
  if (answer.status >= 200 && answer.status < 300) {
    await discard(answer);
    return { done: true };
  }
  const complaint = await readComplaint(answer);
  const what = `${repository}@${descriptor.digest}`;
  const error = () => client.failure(answer, { doing: `the push of ${what}`, what, right: 'push' }, complaint);
  if (wrongBytes.has(complaint.code)) throw damaged(client.host, descriptor, complaint);
  const pauseMs = client.gate.pauseAfter({ status: answer.status, retryAfter: header(answer, 'retry-after') }, 1);
  if (pauseMs !== undefined || lostSession.has(complaint.code))
    return { again: true, error, lostAfterSending: answer.status >= 500 };
  if (style === 'put' && [400, 404, 405, 411, 501].includes(answer.status)) {
    styles.set(client, 'patch');
    return { again: true, error };
  }
  throw await error();
}

async function refusedUpload(client: RegistryClient, repository: string, answer: Answer): Promise<BundleError> {
  const complaint = await readComplaint(answer);
  const doing = `the push to ${repository}`;
  const error = await client.failure(answer, { doing, what: `repository ${repository} to push to`, right: 'push' }, complaint);
  const hint = {
    404: `this registry does not create repositories by itself: create ${repository} (or its project) there first`,
    405: 'it is read-only, perhaps a pull-through cache: name the registry behind it',
  }[answer.status];
  return hint === undefined ? error : new BundleError(error.code, error.message, { hint });
}

function damaged(host: string, { digest }: Descriptor, { message }: RegistryComplaint): BundleError {
  return new BundleError('DIGEST_MISMATCH', `${host} received other bytes than those of ${digest}: ${message}`);
}

// Text, not URLSearchParams: the rest of the query may be signed and must stay as it came.
function closing(session: URL, digest: Digest): URL {
  return new URL(`${session.href}${session.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`);
}
