import type { AttachedPolicy } from '../../bundle-spec/bundle.ts';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { LockedAttached } from '../../bundle-spec/lock.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import type { Descriptor, HeldDocument } from '../descriptor.ts';
import { parseManifest } from '../manifest.ts';
import type { Abortable } from '../registry/registry.ts';
import { mostReferrers, referrersTag } from '../registry/registry-referrers.ts';
import { settled } from '../settled.ts';
import type { Located } from './image-plan.ts';
import { type ImageTree, readImageTree } from './image-tree.ts';

/** A signature, attestation, SBOM or whatever else refers to a manifest, with all that it consists of. */
export interface AttachedArtifact extends ImageTree {
  /** The manifest that it is about: the source of an image, one of its platforms, or another artifact. */
  readonly subject: Digest;
  readonly root: HeldDocument;
  readonly artifactType: string;
  /** Of cosign's older scheme: the tag by which it is found. Without one, its manifest names the subject. */
  readonly tag?: string;
}

/** Artifacts may be signed, and signatures countersigned; nothing beyond is looked for. */
const deepest = 3;

/** What cosign 2 and older write: an image manifest under a tag that names the subject. */
const tagSuffixes = { signatures: ['sig'], all: ['sig', 'att', 'sbom'] } as const;

/** Signatures of cosign, sigstore bundles (which hold attestations too, unlisted) and notation. */
const isSignature = (type: string): boolean =>
  /^application\/vnd\.(dev\.cosign\.artifact\.sig\.|dev\.sigstore\.bundle|cncf\.notary\.signature)/.test(type);

interface FindOptions extends Abortable {
  readonly policy: AttachedPolicy;
  /** Artifacts that lists named so far, counted before any of them is asked for. */
  readonly listed: { count: number };
}

/**
 * Everything that refers to one of `subjects` in their repository, and to what was found so, sorted: by the referrers API, else the tag
 * that stands for it, and by cosign's tags. Four requests a subject, and one for each artifact. An archive has none.
 * Throws what the registry throws, with the way out as a hint.
 */
export async function findAttached(
  located: Located,
  subjects: readonly Digest[],
  wanted: Abortable & { readonly policy: AttachedPolicy },
): Promise<readonly AttachedArtifact[]> {
  const options: FindOptions = { ...wanted, listed: { count: 0 } };
  const found = new Map<string, AttachedArtifact>();
  const asked = new Set<Digest>();
  let level = [...new Set(subjects)];
  for (let depth = 0; depth < deepest && level.length > 0; depth += 1) {
    for (const subject of level) asked.add(subject);
    const artifacts = (await settled(level.map((subject) => findOf(located, subject, options)))).flat();
    for (const artifact of artifacts) found.set(keyOf(artifact), artifact);
    level = [...new Set(artifacts.map(({ root }) => root.descriptor.digest))].filter((digest) => !asked.has(digest));
  }
  return [...found.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

/** What a lock lists, by its digests. Throws REGISTRY_NOT_FOUND, MANIFEST_INVALID, and what else the registry throws. */
export async function fetchAttached(
  located: Located,
  locked: readonly LockedAttached[],
  options: Abortable,
): Promise<readonly AttachedArtifact[]> {
  return settled(locked.map(({ subject, digest, tag }) => artifactOf(located, subject, digest, tag, options)));
}

async function findOf(located: Located, subject: Digest, options: FindOptions): Promise<AttachedArtifact[]> {
  const { policy } = options;
  if (policy === 'none' || located.registry.fetchReferrers === undefined) return [];
  try {
    const tags = tagSuffixes[policy].map((suffix) => `${referrersTag(subject)}.${suffix}`);
    const found = await settled([
      listedOf(located, subject, options),
      ...tags.map((tag) => taggedOf(located, subject, tag, options)),
    ]);
    return found.flat().filter(({ tag, artifactType }) => policy === 'all' || tag !== undefined || isSignature(artifactType));
  } catch (error) {
    throw error instanceof BundleError ? withHint(error) : error;
  }
}

async function listedOf(located: Located, subject: Digest, options: FindOptions): Promise<AttachedArtifact[]> {
  const { policy } = options;
  const list = await referrersOf(located, subject, options);
  // A list that says what an artifact is spares the request for it.
  const wanted = list.filter(({ artifactType }) => policy === 'all' || artifactType === undefined || isSignature(artifactType));
  options.listed.count += wanted.length;
  if (options.listed.count > mostReferrers) {
    throw new BundleError('MANIFEST_INVALID', `more than ${mostReferrers} artifacts refer to ${subject} and what is around it`);
  }
  const artifacts = await settled(wanted.map(({ digest }) => presentArtifact(located, subject, digest, undefined, options)));
  return artifacts.filter((artifact) => artifact !== undefined);
}

/** By the API, else from the index under the tag that stands for it. */
async function referrersOf(located: Located, subject: Digest, options: Abortable): Promise<readonly Descriptor[]> {
  const { registry, repository } = located;
  const listed = await registry.fetchReferrers?.(repository, subject, options);
  if (listed !== undefined && listed !== 'unsupported') return listed;
  const digest = await tagged(located, referrersTag(subject), options);
  if (digest === undefined) return [];
  const index = parseManifest((await registry.fetchManifest(repository, digest, options)).bytes, `${repository}@${digest}`);
  return 'manifests' in index ? index.manifests.slice(0, mostReferrers + 1) : [];
}

async function taggedOf(located: Located, subject: Digest, tag: string, options: Abortable): Promise<AttachedArtifact[]> {
  const digest = await tagged(located, tag, options);
  return digest === undefined ? [] : [await artifactOf(located, subject, digest, tag, options)];
}

/** Asked by HEAD, which no registry counts as a pull. */
async function tagged({ registry, repository }: Located, tag: string, options: Abortable): Promise<Digest | undefined> {
  const found = await registry.headManifest?.(repository, tag, options);
  return typeof found === 'object' ? found.digest : undefined;
}

/** `undefined` for what a list still has and the registry no longer, and for what does not say itself that it refers to `subject`. */
async function presentArtifact(...wanted: Parameters<typeof artifactOf>): Promise<AttachedArtifact | undefined> {
  try {
    return await artifactOf(...wanted);
  } catch (error) {
    if (error instanceof BundleError && (error.code === 'REGISTRY_NOT_FOUND' || error instanceof NoReferrer)) return undefined;
    throw error;
  }
}

class NoReferrer extends BundleError {}

async function artifactOf(
  { registry, repository }: Located,
  subject: Digest,
  digest: Digest,
  tag: string | undefined,
  options: Abortable,
): Promise<AttachedArtifact> {
  const root = await registry.fetchManifest(repository, digest, options);
  const manifest = parseManifest(root.bytes, `${repository}@${digest}`);
  if (tag === undefined && manifest.subject?.digest !== subject) {
    throw new NoReferrer('MANIFEST_INVALID', `${repository}@${digest} does not refer to ${subject}`);
  }
  const tree = await readImageTree(root.descriptor, async (wanted) =>
    wanted.digest === digest ? root.bytes : (await registry.fetchManifest(repository, wanted.digest, options)).bytes,
  );
  return { subject, root, artifactType: typeOf(manifest), ...(tag !== undefined && { tag }), ...tree };
}

/** What lists of referrers call it: its type, else that of its config (distribution spec). */
export function typeOf(manifest: ReturnType<typeof parseManifest>): string {
  return manifest.artifactType ?? ('config' in manifest ? manifest.config.mediaType : '');
}

function keyOf({ subject, root, tag = '' }: AttachedArtifact): string {
  return `${subject} ${root.descriptor.digest} ${tag}`;
}

function withHint(error: BundleError): BundleError {
  const hint = [error.hint, 'images: { attached: none } leaves behind what refers to images (signatures, SBOMs)']
    .filter(Boolean)
    .join('; ');
  return new BundleError(error.code, `what is attached to the image cannot be had: ${error.message}`, { hint, cause: error });
}
