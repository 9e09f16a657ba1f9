import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { StoredMode } from '../bundle-spec/lock.ts';
import type { Digest, Platform } from '../bundle-spec/names.ts';
import { canonicalJson } from './canonical-json.ts';
import type { Descriptor, HeldDocument } from './descriptor.ts';
import { digestOf } from './digest.ts';
import type { ImageReader } from './image-reader.ts';
import type { Index, Manifest } from './manifest.ts';
import { formatPlatform, runnablePlatforms } from './platform-match.ts';

/** What of an image is stored. */
export interface StoredChoice {
  readonly stored: HeldDocument;
  readonly mode: StoredMode;
  readonly platforms: readonly Platform[];
}

export interface Wanted {
  readonly platforms: readonly Platform[];
  /**
   * `exactly`: the reference has a digest, and whoever pulls by it must find exactly that. `by values`: it has one, and values name another
   * where another is stored. `no`: it has a tag alone.
   */
  readonly pinned: 'exactly' | 'by values' | 'no';
}

/** Decides how the image `source` is stored. Throws PLATFORM_MISSING. */
export async function chooseStored(reader: ImageReader, source: HeldDocument, wanted: Wanted): Promise<StoredChoice> {
  const manifest = reader.parse(source);
  if (!('manifests' in manifest)) return complete(reader, source, manifest, wanted);
  const matches = wanted.platforms.map((platform) => childrenFor(manifest, platform));
  const allFound = matches.every(({ children }) => children.length > 0);
  if (wanted.pinned === 'exactly' || !allFound) return complete(reader, source, manifest, wanted);
  const kept = new Set(matches.flatMap(({ children }) => children.map(({ digest }) => digest)));
  // A digest that somebody chose stays when there is no platform to leave out.
  if (wanted.pinned === 'by values' && hasNoOther(manifest, kept)) return complete(reader, source, manifest, wanted);
  const platforms = matches.map(({ platform }) => platform);
  const [first] = matches[0]?.children ?? [];
  if (matches.length === 1 && first !== undefined) return { stored: await reader.manifest(first), mode: 'platform', platforms };
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
