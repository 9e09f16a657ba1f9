import type { Digest } from '../../bundle-spec/names.ts';
import type { BlobSink } from '../blob-source.ts';
import type { Descriptor, HeldDocument } from '../descriptor.ts';
import type { BlobBody } from './blob-body.ts';
import { listTags } from './near-tags.ts';
import type { RegistryAccess } from './registry-access.ts';
import { type ClientOptions, RegistryClient } from './registry-client.ts';
import { deleteManifest, fetchManifest, headManifest, pushManifest, pushTag } from './registry-manifests.ts';
import { fetchBlob, pullBlob } from './registry-pull.ts';
import { checkPush, hasBlob, pushBlob } from './registry-push.ts';
import { fetchReferrers } from './registry-referrers.ts';

export interface Abortable {
  readonly signal: AbortSignal;
}

/** What a question is asked for: `push` asks for a token to push at once, and an error speaks of the push. Default `pull`. */
export interface RightWanted {
  readonly right?: 'pull' | 'push';
}

/** What to do when a tag to be written exists with another digest. `skip` leaves the tag where it is. */
export type TagPolicy = 'error' | 'overwrite' | 'skip';

export interface PushBlobOptions extends Abortable {
  /** A repository of the same registry that has the blob: it is mounted from there where the registry can. */
  readonly mountFrom?: string;
  /** Told of every chunk handed to the socket. A repeated upload counts again. */
  readonly onSent?: (bytes: number) => void;
}

/**
 * One registry, spoken to by the distribution spec. All methods retry what may pass (408, 429, 5xx, lost connections) and throw
 * BundleError: REGISTRY_UNREACHABLE, REGISTRY_UNTRUSTED, REGISTRY_DENIED, REGISTRY_NOT_FOUND, REGISTRY_LIMITED, REGISTRY_FAILED,
 * besides those named with each. A `repository` is the path below the host.
 */
export interface Registry {
  /** As given in the access: `docker.io`, not the host of its API. */
  readonly host: string;

  /** The manifest or index that a tag or digest names, byte for byte. Throws MANIFEST_INVALID (over 4 MiB, too) and DIGEST_MISMATCH. */
  fetchManifest(repository: string, reference: string, options: Abortable): Promise<HeldDocument>;

  /** What a tag or digest names, without its bytes. `unknown`: the registry does not tell (403, as some do for what is absent). */
  headManifest(
    repository: string,
    reference: string,
    options: Abortable & RightWanted,
  ): Promise<Descriptor | 'absent' | 'unknown'>;

  /** A small blob (a config, a packed chart) held in memory, verified. `limit` in bytes, default 4 MiB; SIZE_MISMATCH beyond. */
  fetchBlob(repository: string, descriptor: Descriptor, options: Abortable & { readonly limit?: number }): Promise<Buffer>;

  /**
   * Brings a blob to `sink` (to a function in chunks of up to 1 MiB, one at a time) and resumes where a connection was lost. Resolves
   * when every byte was written and proven. Throws DIGEST_MISMATCH and SIZE_MISMATCH; then what was written is worthless.
   */
  pullBlob(repository: string, descriptor: Descriptor, sink: BlobSink, options: Abortable): Promise<void>;

  /** False also when the registry does not tell. */
  hasBlob(repository: string, digest: Digest, options: Abortable & RightWanted): Promise<boolean>;

  /**
   * Makes the repository hold the blob, and says how. `body` is not opened when the blob is there or can be mounted, and again for every
   * repetition. Its bytes are not hashed here: the registry proves the digest, and where it finds another `body.prove` tells why.
   * Throws SIZE_MISMATCH, DIGEST_MISMATCH, and what `body` throws.
   */
  pushBlob(
    repository: string,
    descriptor: Descriptor,
    body: BlobBody,
    options: PushBlobOptions,
  ): Promise<'present' | 'mounted' | 'pushed'>;

  /** Pushes exact bytes under their digest. All that the manifest names must be there. Throws DIGEST_MISMATCH when it arrives as another. */
  pushManifest(repository: string, manifest: HeldDocument, options: Abortable): Promise<void>;

  /**
   * Makes `tag` name the manifest, and proves it. `kept`: it names another and the policy is `skip`. Throws TAG_CONFLICT by policy.
   */
  pushTag(
    repository: string,
    tag: string,
    manifest: HeldDocument,
    options: Abortable & { readonly policy: TagPolicy },
  ): Promise<'present' | 'pushed' | 'kept'>;

  /**
   * What refers to a manifest by its `subject`, as the registry lists it: types and annotations may be missing. `unsupported`: it keeps no
   * such list, and the tag `referrersTag(digest)` may have one. Throws MANIFEST_INVALID for more than 500.
   */
  fetchReferrers(repository: string, digest: Digest, options: Abortable): Promise<readonly Descriptor[] | 'unsupported'>;

  /** Deletes a manifest by its digest. False where the registry does not allow it. */
  deleteManifest(repository: string, digest: Digest, options: Abortable): Promise<boolean>;

  /** The tags of a repository; of a very large one the first pages. */
  listTags(repository: string, options: Abortable): Promise<readonly string[]>;

  /** Proves the right to push into a repository: begins an upload and cancels it. */
  checkPush(repository: string, options: Abortable): Promise<void>;

  /** Ends all connections; what is under way fails. */
  close(): Promise<void>;
}

/** Connects to nothing yet: the first request does. */
export function openRegistry(access: RegistryAccess, options: ClientOptions = {}): Registry {
  const client = new RegistryClient(access, options);
  const { transfers, timeouts = {} } = options;
  const route = transfers === undefined ? {} : { route: { transfers, access, timeouts } };
  return {
    host: access.host,
    fetchManifest: (...request) => fetchManifest(client, ...request),
    headManifest: (...request) => headManifest(client, ...request),
    fetchBlob: (...request) => fetchBlob(client, ...request),
    pullBlob: (repository, descriptor, sink, { signal }) => pullBlob(client, repository, descriptor, sink, { signal, ...route }),
    hasBlob: (...request) => hasBlob(client, ...request),
    pushBlob: (...request) => pushBlob(client, ...request),
    pushManifest: (repository, manifest, request) =>
      pushManifest(client, repository, manifest.descriptor.digest, manifest, request),
    pushTag: (...request) => pushTag(client, ...request),
    fetchReferrers: (...request) => fetchReferrers(client, ...request),
    deleteManifest: (...request) => deleteManifest(client, ...request),
    listTags: (...request) => listTags(client, ...request),
    checkPush: (...request) => checkPush(client, ...request),
    close: () => client.close(),
  };
}
