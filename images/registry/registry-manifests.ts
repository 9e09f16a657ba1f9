import { setTimeout as sleep } from 'node:timers/promises';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { Digest } from '../../bundle-spec/names.ts';
import type { Descriptor, HeldDocument } from '../descriptor.ts';
import { digestOf } from '../digest.ts';
import { manifestLimit, parseManifest, schema1 } from '../manifest.ts';
import { indexTypes, isSchema1, manifestTypes } from '../media-types.ts';
import { completesTag, isPlaceholderTag, TagMissing } from '../plan/tag-stem.ts';
import { listTags, nearTags } from './near-tags.ts';
import type { Abortable, RightWanted, TagPolicy } from './registry.ts';
import { pullScope, pushScope, type RegistryClient } from './registry-client.ts';
import { readComplaint } from './registry-failure.ts';
import { guideTo } from './registry-guide.ts';
import { type Answer, discard, header, readBody } from './registry-transport.ts';

// All of them: distribution 2.8 answers 404 for an index that the client did not name, to HEAD too.
const accept = [...manifestTypes, ...indexTypes, '*/*'].join(', ');

const manifestPath = (repository: string, reference: string) => `/v2/${repository}/manifests/${reference}`;

const named = (repository: string, reference: string) => `${repository}${isDigest(reference) ? '@' : ':'}${reference}`;

export async function fetchManifest(
  client: RegistryClient,
  repository: string,
  reference: string,
  { signal, right = 'pull' }: Abortable & RightWanted,
): Promise<HeldDocument> {
  const answer = await request(client, 'GET', repository, reference, { signal, right });
  const what = named(repository, reference);
  if (answer.status === 404) throw await notFound(client, answer, repository, reference, signal);
  if (answer.status !== 200) throw await client.failure(answer, { doing: `the ${right} of ${what}`, what, right });
  if (isSchema1(header(answer, 'content-type') ?? '')) throw schema1(`${client.host}/${what}`);
  const bytes = await readBody(answer, manifestLimit);
  if (bytes === undefined) {
    throw new BundleError('MANIFEST_INVALID', `the manifest of ${client.host}/${what} has more than ${manifestLimit} bytes`);
  }
  const digest = digestOf(bytes);
  const promised = isDigest(reference) ? reference : (header(answer, 'docker-content-digest') ?? digest);
  if (digest !== promised && isDigest(promised)) throw mismatch(client.host, what, promised, digest);
  const { mediaType } = parseManifest(bytes, `${client.host}/${what}`);
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
}

export async function headManifest(
  client: RegistryClient,
  repository: string,
  reference: string,
  { signal, right = 'pull' }: Abortable & RightWanted,
): Promise<Descriptor | 'absent' | 'unknown'> {
  const answer = await request(client, 'HEAD', repository, reference, { signal, right });
  await discard(answer);
  if (answer.status === 404) return 'absent';
  if (answer.status === 403) return 'unknown';
  const digest = Digest.safeParse(header(answer, 'docker-content-digest')).data;
  const size = Number(header(answer, 'content-length') ?? Number.NaN);
  const mediaType = header(answer, 'content-type')?.split(';')[0]?.trim();
  if (answer.status === 200 && digest !== undefined && Number.isSafeInteger(size) && mediaType !== undefined) {
    return { mediaType, digest, size };
  }
  // The answer tells too little, or HEAD is not allowed, or it failed: an answer to HEAD has no body that says why.
  return (await fetchManifest(client, repository, reference, { signal, right })).descriptor;
}

/** True when it is gone. Many registries do not allow it. */
export async function deleteManifest(
  client: RegistryClient,
  repository: string,
  digest: Digest,
  { signal }: Abortable,
): Promise<boolean> {
  const scopes = [`repository:${repository}:delete,pull,push`];
  const answer = await client.send({ method: 'DELETE', url: manifestPath(repository, digest), scopes, signal });
  await discard(answer);
  return answer.status >= 200 && answer.status < 300;
}

/** The registry does not see what a manifest names, though it was pushed: perhaps not yet, perhaps it wants more than the bundle has. */
export class PartsUnseen extends BundleError {
  constructor(message: string, options: { readonly hint?: string }) {
    super('REGISTRY_FAILED', message, options);
  }
}

const lagMs = 500;

/** How often a manifest is pushed again that names blobs the registry does not see yet (GHCR, ACR replicas). */
const mostLags = 3;

const unseen = new Set(['MANIFEST_BLOB_UNKNOWN', 'BLOB_UNKNOWN', 'MANIFEST_UNKNOWN']);

export async function pushManifest(
  client: RegistryClient,
  repository: string,
  reference: string,
  { descriptor, bytes }: HeldDocument,
  { signal }: Abortable,
): Promise<void> {
  const what = named(repository, reference);
  for (let lags = 1; ; lags += 1) {
    const answer = await client.send({
      method: 'PUT',
      url: manifestPath(repository, reference),
      headers: { 'content-type': descriptor.mediaType },
      openBody: () => bytes,
      scopes: [pushScope(repository)],
      headersTimeoutMs: 0,
      signal,
    });
    if (answer.status >= 200 && answer.status < 300) {
      await discard(answer);
      const stored = header(answer, 'docker-content-digest') ?? descriptor.digest;
      if (stored !== descriptor.digest) throw mismatch(client.host, what, descriptor.digest, stored);
      return;
    }
    const complaint = await readComplaint(answer);
    const error = await refusedManifest(client, answer, what, complaint);
    if (!unseen.has(complaint.code)) throw error;
    if (lags === mostLags) throw new PartsUnseen(error.message, error.hint === undefined ? {} : { hint: error.hint });
    await sleep(lagMs * lags, undefined, { signal });
  }
}

export async function pushTag(
  client: RegistryClient,
  repository: string,
  tag: string,
  manifest: HeldDocument,
  { policy, signal }: Abortable & { readonly policy: TagPolicy },
): Promise<'present' | 'pushed' | 'kept'> {
  const { digest } = manifest.descriptor;
  const before = await headManifest(client, repository, tag, { signal, right: 'push' });
  if (typeof before !== 'string') {
    if (before.digest === digest) return 'present';
    if (policy === 'skip') return 'kept';
    if (policy === 'error') throw conflict(client.host, repository, tag, `it names ${before.digest}, and was to name ${digest}`);
  }
  try {
    await pushManifest(client, repository, tag, manifest, { signal });
  } catch (error) {
    // The registry knew what it did not tell, or somebody was faster; it keeps its tags as they are.
    if (policy === 'skip' && error instanceof BundleError && error.code === 'TAG_CONFLICT') return 'kept';
    throw error;
  }
  const after = await headManifest(client, repository, tag, { signal, right: 'push' });
  if (after === 'absent')
    throw new BundleError('REGISTRY_FAILED', `${client.host} took the tag ${repository}:${tag} and does not have it`);
  if (after !== 'unknown' && after.digest !== digest) throw mismatch(client.host, `${repository}:${tag}`, digest, after.digest);
  return 'pushed';
}

async function request(
  client: RegistryClient,
  method: 'GET' | 'HEAD',
  repository: string,
  reference: string,
  { signal, right }: Abortable & Required<RightWanted>,
): Promise<Answer> {
  const scopes = [right === 'push' ? pushScope(repository) : pullScope(repository)];
  const url = manifestPath(repository, reference);
  return client.send({ method, url, headers: { accept }, documentLimit: manifestLimit, scopes, signal });
}

async function notFound(
  client: RegistryClient,
  answer: Answer,
  repository: string,
  reference: string,
  signal: AbortSignal,
): Promise<BundleError> {
  const what = named(repository, reference);
  const error = await client.failure(answer, { doing: `the pull of ${what}`, what, right: 'pull' });
  if (isDigest(reference)) return error;
  const tags = await listTags(client, repository, { signal }).catch(() => undefined);
  signal.throwIfAborted();
  if (tags === undefined) {
    return new BundleError(error.code, error.message, {
      hint: `the repository ${repository} may not exist there; check its spelling`,
    });
  }
  const completed = tags.filter((tag) => completesTag(reference, tag));
  return new TagMissing(error.message, { hint: missingTagHint(repository, reference, tags, completed), completed });
}

function missingTagHint(repository: string, tag: string, tags: readonly string[], completed: readonly string[]): string {
  if (tags.length === 0) return `the repository ${repository} exists and has no tags`;
  if (isPlaceholderTag(tag))
    return `"${tag}" is a placeholder that the release of a chart replaces: take the chart from its repository, not from its sources, or give the tag in the release's values`;
  const missing = `the repository exists, the tag "${tag}" does not`;
  return completed.length === 0
    ? `${missing}; those that come near: ${nearTags(tags, tag).join(', ')}`
    : `${missing}; those that begin with it: ${listed(completed)}`;
}

function listed(tags: readonly string[]): string {
  return `${tags.slice(0, 8).join(', ')}${tags.length > 8 ? `, and ${tags.length - 8} more` : ''}`;
}

async function refusedManifest(
  client: RegistryClient,
  answer: Answer,
  what: string,
  complaint: { code: string; message: string },
): Promise<BundleError> {
  const error = await client.failure(answer, { doing: `the push of ${what}`, what, right: 'push' }, complaint);
  if (answer.status === 409 || answer.status === 412) {
    return new BundleError('TAG_CONFLICT', error.message, {
      hint: 'the registry keeps tags immutable: use a new tag, or remove the old one there',
    });
  }
  if (unseen.has(complaint.code)) {
    return new BundleError('REGISTRY_FAILED', error.message, {
      hint: 'the registry wants all that a manifest names to be there, for every platform: build without --sparse, or let the registry allow sparse indexes (distribution: validation.manifests.indexes, Quay: FEATURE_SPARSE_INDEX)',
    });
  }
  if (/unknown manifest class|fail to parse 'manifest\.json'/i.test(complaint.message)) {
    return new BundleError(error.code, error.message, {
      hint: `the registry takes no attestations, or no signatures: build without images.attestations, or with attached: none; ${guideTo('media-types')}`,
    });
  }
  if (answer.status === 415 || complaint.code === 'MANIFEST_INVALID' || complaint.code === 'UNSUPPORTED') {
    return new BundleError(error.code, error.message, {
      hint: 'the registry does not take this media type; its settings may allow it (zot: compat docker2s2)',
    });
  }
  return error;
}

function conflict(host: string, repository: string, tag: string, reason: string): BundleError {
  return new BundleError('TAG_CONFLICT', `the tag ${host}/${repository}:${tag} exists: ${reason}`, {
    hint: 'let it be overwritten or skipped explicitly, or remove it there',
  });
}

function mismatch(host: string, what: string, expected: string, found: string): BundleError {
  return new BundleError('DIGEST_MISMATCH', `${host} serves ${what} with other bytes: expected ${expected}, found ${found}`);
}

function isDigest(reference: string): boolean {
  return reference.includes(':');
}
