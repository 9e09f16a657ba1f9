import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { HeldDocument } from '../descriptor.ts';
import { digestOf } from '../digest.ts';
import { eachLimited } from '../each-limited.ts';
import { parseManifest } from '../manifest.ts';
import { ociIndexType } from '../media-types.ts';
import { typeOf } from '../plan/attached.ts';
import type { Abortable, Registry } from '../registry/registry.ts';
import { referrersTag } from '../registry/registry-referrers.ts';

/** A manifest that names its subject, in the repository where both are. */
export interface PushedReferrer {
  readonly repository: string;
  readonly subject: Digest;
  readonly root: HeldDocument;
}

/**
 * Makes sure that clients find `referrers` by their subjects. A registry with the referrers API lists them by itself. Where there is none
 * the index under `referrersTag(subject)` is written (distribution spec, "Pushing Manifests with Subject"): what it lists already stays, and
 * ours are described from their manifests. Throws TAG_CONFLICT when something else has that tag.
 */
export async function listReferrers(
  registry: Registry,
  referrers: readonly PushedReferrer[],
  options: Abortable & { readonly concurrency: number },
): Promise<void> {
  const groups = [...Map.groupBy(referrers, ({ repository, subject }) => `${repository}@${subject}`).values()];
  const list = async (group: readonly PushedReferrer[], own: Abortable): Promise<void> => {
    const [first] = group;
    if (first === undefined || (await registry.fetchReferrers(first.repository, first.subject, own)) !== 'unsupported') return;
    await addToIndex(registry, first, group, own);
  };
  await eachLimited(groups, options.concurrency, list, options);
}

async function addToIndex(
  registry: Registry,
  { repository, subject }: PushedReferrer,
  group: readonly PushedReferrer[],
  options: Abortable,
): Promise<void> {
  const tag = referrersTag(subject);
  const before = await registry.headManifest(repository, tag, options);
  const index = typeof before === 'object' ? (await registry.fetchManifest(repository, before.digest, options)).bytes : undefined;
  const bytes = mergeReferrers(
    index,
    group.map(({ root }) => root),
    `${registry.host}/${repository}:${tag}`,
  );
  if (index !== undefined && bytes.equals(index)) return;
  const descriptor = { mediaType: ociIndexType, digest: digestOf(bytes), size: bytes.length };
  await registry.pushTag(repository, tag, { descriptor, bytes }, { ...options, policy: 'overwrite' });
}

type Entry = Readonly<Record<string, unknown>> & { readonly digest: string };

/**
 * The index that lists `referrers` besides what `index` lists, sorted by digest: the same set gives the same bytes. Those of `referrers`
 * that it lists without type are described anew. Throws TAG_CONFLICT when `index` is none.
 */
export function mergeReferrers(index: Buffer | undefined, referrers: readonly HeldDocument[], name: string): Buffer {
  const listed = index === undefined ? [] : entriesOf(index, name);
  const entries = new Map<string, Entry>();
  for (const entry of [...listed, ...referrers.map(entryOf)]) entries.set(entry.digest, entry);
  const manifests = [...entries.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
  return canonicalJson({ schemaVersion: 2, mediaType: ociIndexType, manifests });
}

/** Members that we do not know stay. */
function entriesOf(index: Buffer, name: string): Entry[] {
  if ('manifests' in parseManifest(index, name)) return JSON.parse(index.toString()).manifests ?? [];
  throw new BundleError('TAG_CONFLICT', `${name} is where clients look for signatures, and it is no index`, {
    hint: 'remove that tag; no image needs one of this form',
  });
}

function entryOf({ descriptor: { mediaType, digest, size }, bytes }: HeldDocument): Entry {
  const artifactType = typeOf(parseManifest(bytes, digest));
  const { annotations }: { annotations?: unknown } = JSON.parse(bytes.toString());
  return { mediaType, digest, size, artifactType, ...(annotations !== undefined && annotations !== null && { annotations }) };
}
