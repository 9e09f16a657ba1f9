import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { StoredMode } from '../../bundle-spec/lock.ts';
import type { Digest, Platform } from '../../bundle-spec/names.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { Descriptor, HeldDocument } from '../descriptor.ts';
import { digestOf } from '../digest.ts';
import type { Index, Manifest } from '../manifest.ts';
import type { ImageReader } from './image-reader.ts';
import { formatPlatform, runnablePlatforms } from './platform-match.ts';

/** What of an image is stored. */
export interface StoredChoice {
  readonly stored: HeldDocument;
  readonly mode: StoredMode;
  readonly platforms: readonly Platform[];
  /** Of mode `sparse`: children that the index lists and the bundle does not hold. */
  readonly leftOut?: ReadonlySet<Digest>;
}

export interface Wanted {
  readonly platforms: readonly Platform[];
  /**
   * `exactly`: the reference has a digest, and whoever pulls by it must find exactly that. `by values`: it has one, and values name another
   * where another is stored. `no`: it has a tag alone.
   */
  readonly pinned: 'exactly' | 'by values' | 'no';
  /** Every index keeps its bytes, and what other platforms need is left out. */
  readonly sparse: boolean;
  /** An index of ours keeps the attestations of the platforms that it lists. */
  readonly attestations: boolean;
}

/** Decides how the image `source` is stored. Throws PLATFORM_MISSING. */
export async function chooseStored(reader: ImageReader, source: HeldDocument, wanted: Wanted): Promise<StoredChoice> {
  const manifest = reader.parse(source);
  if (!('manifests' in manifest)) return complete(reader, source, manifest, wanted);
  const matches = wanted.platforms.map((platform) => childrenFor(manifest, platform));
  const allFound = matches.every(({ children }) => children.length > 0);
  if (!allFound) return complete(reader, source, manifest, wanted);
  const kept = new Set(matches.flatMap(({ children }) => children.map(({ digest }) => digest)));
  const platforms = matches.map(({ platform }) => platform);
  if (wanted.sparse) return sparse(source, manifest, kept, platforms);
  if (wanted.pinned === 'exactly') return complete(reader, source, manifest, wanted);
  // A digest that somebody chose stays when there is no platform to leave out.
  if (wanted.pinned === 'by values' && hasNoOther(manifest, kept)) return complete(reader, source, manifest, wanted);
  const attestations = wanted.attestations ? attestationsOf(manifest, kept) : [];
  const [first] = matches[0]?.children ?? [];
  if (matches.length === 1 && first !== undefined && attestations.length === 0) {
    return { stored: await reader.manifest(first), mode: 'platform', platforms };
  }
  for (const { digest } of attestations) kept.add(digest);
  if (kept.size === manifest.manifests.length) return { stored: source, mode: 'complete', platforms };
  return { stored: strippedIndex(source, manifest, kept), mode: 'stripped', platforms };
}

/** The children that run on `wanted`. Several only where an index has several for one platform (Windows versions). */
function childrenFor(index: Index, wanted: Platform): { readonly platform: Platform; readonly children: readonly Descriptor[] } {
  for (const platform of runnablePlatforms(wanted)) {
    const children = index.manifests.filter(
      (child) => child.platform !== undefined && formatPlatform(child.platform) === platform,
    );
    if (children.length > 0) return { platform, children };
  }
  return { platform: wanted, children: [] };
}

/** True when every child that is an image is kept; "unknown" is what attestations are for. */
function hasNoOther({ manifests }: Index, kept: ReadonlySet<Digest>): boolean {
  return manifests.every(({ digest, platform }) => kept.has(digest) || platform?.os === 'unknown');
}

/** What BuildKit says of the children in `kept`: a child of its own for each, which names it in an annotation. */
function attestationsOf({ manifests }: Index, kept: ReadonlySet<Digest>): Descriptor[] {
  const subject = ({ annotations = {} }: Descriptor) => annotations['vnd.docker.reference.digest'] as Digest | undefined;
  return manifests.filter((child) => {
    const about = subject(child);
    return child.platform?.os === 'unknown' && about !== undefined && kept.has(about);
  });
}

/** The index as it is, without what is for another platform. A child that names no platform may be anything and stays. */
function sparse(source: HeldDocument, index: Index, kept: Set<Digest>, platforms: readonly Platform[]): StoredChoice {
  for (const { digest } of attestationsOf(index, kept)) kept.add(digest);
  const others = index.manifests.filter(({ digest, platform }) => platform !== undefined && !kept.has(digest));
  if (others.length === 0) return { stored: source, mode: 'complete', platforms };
  return { stored: source, mode: 'sparse', platforms, leftOut: new Set(others.map(({ digest }) => digest)) };
}

/** The index without the children that are not kept (other platforms, attestations). The same input gives the same bytes. */
function strippedIndex(source: HeldDocument, { mediaType }: Index, kept: ReadonlySet<Digest>): HeldDocument {
  // From the bytes, not from what we parsed: members that we do not know stay.
  const json: { manifests: { digest: Digest }[] } = JSON.parse(source.bytes.toString());
  const bytes = canonicalJson({ ...json, mediaType, manifests: json.manifests.filter(({ digest }) => kept.has(digest)) });
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

async function complete(
  reader: ImageReader,
  source: HeldDocument,
  manifest: Manifest | Index,
  wanted: Wanted,
): Promise<StoredChoice> {
  const platforms = await platformsOf(reader, manifest, 0);
  if (platforms.length > 0) demandAll(reader.name, wanted.platforms, platforms);
  return { stored: source, mode: 'complete', platforms };
}

/** An index may list indexes; this is how deep we look for platforms. */
const deepest = 4;

async function platformsOf(reader: ImageReader, manifest: Manifest | Index, depth: number): Promise<Platform[]> {
  if (!('manifests' in manifest)) return [(await reader.platformOf(manifest)) ?? []].flat();
  const platforms: Platform[] = [];
  for (const child of manifest.manifests) {
    // "unknown" is what attestations are for. Who says nothing has it in its config.
    if (child.platform?.os === 'unknown' || depth === deepest) continue;
    if (child.platform !== undefined) platforms.push(formatPlatform(child.platform));
    else platforms.push(...(await platformsOf(reader, reader.parse(await reader.manifest(child)), depth + 1)));
  }
  return platforms;
}

function demandAll(name: string, wanted: readonly Platform[], there: readonly Platform[]): void {
  const missing = wanted.filter((platform) => !runnablePlatforms(platform).some((runnable) => there.includes(runnable)));
  if (missing.length === 0) return;
  const lacking = missing.join(', ');
  const known = [...new Set(there)].sort().join(', ');
  throw new BundleError('PLATFORM_MISSING', `${name} is not for ${lacking}: it exists for ${known}`, {
    hint: `use an image that is for ${lacking}, or take ${lacking} out of target.platforms`,
  });
}
