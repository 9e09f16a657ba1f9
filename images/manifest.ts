import { z } from 'zod';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { Digest } from '../bundle-spec/names.ts';
import type { Descriptor } from './descriptor.ts';
import { indexTypes, isSchema1, manifestTypes, ociIndexType, ociManifestType } from './media-types.ts';

/** The largest manifest taken, in bytes: what the distribution spec asks registries to take at least, and most take at most. */
export const manifestLimit = 4 << 20;

/** An image manifest: one config, and layers (or, for an artifact, whatever blobs it has). */
export interface Manifest {
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  /** The manifest that this one is about: it is a signature of it, or an SBOM. */
  readonly subject?: Descriptor;
}

/** An image index or Docker's manifest list: one manifest per platform, and what belongs to them. */
export interface Index {
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
}

const Text = z.string().max(4096);

// Registries are full of documents with `null` for what is absent. Unknown members are left out: bytes are kept elsewhere.
const DescriptorJson = z
  .object({
    mediaType: Text,
    digest: Digest,
    size: z.int().nonnegative(),
    platform: z.object({ os: Text, architecture: Text, variant: Text.nullish() }).nullish(),
    annotations: z.record(z.string(), z.string()).nullish(),
    urls: z.array(Text).nullish(),
    artifactType: Text.nullish(),
  })
  .transform(({ mediaType, digest, size, platform, annotations, urls, artifactType }): Descriptor => {
    return {
      mediaType,
      digest,
      size,
      ...(platform && { platform: withoutNull(platform) }),
      ...(annotations && { annotations }),
      ...(urls && { urls }),
      ...(artifactType && { artifactType }),
    };
  });

const ManifestJson = z
  .object({
    schemaVersion: z.literal(2),
    mediaType: Text.nullish(),
    artifactType: Text.nullish(),
    config: DescriptorJson,
    layers: z.array(DescriptorJson).nullish(),
    subject: DescriptorJson.nullish(),
    manifests: z.never('a manifest that also lists manifests may be read in two ways').optional(),
  })
  .transform(({ mediaType, artifactType, config, layers, subject }): Manifest => {
    return {
      mediaType: mediaType || ociManifestType,
      ...(artifactType && { artifactType }),
      config,
      layers: layers ?? [],
      ...(subject && { subject }),
    };
  });

const IndexJson = z
  .object({
    schemaVersion: z.literal(2),
    mediaType: Text.nullish(),
    artifactType: Text.nullish(),
    manifests: z.array(DescriptorJson).nullish(),
    subject: DescriptorJson.nullish(),
    config: z.never('an index that also has a config may be read in two ways').optional(),
    layers: z.never('an index that also has layers may be read in two ways').optional(),
  })
  .transform(({ mediaType, artifactType, manifests, subject }): Index => {
    return {
      mediaType: mediaType || ociIndexType,
      ...(artifactType && { artifactType }),
      manifests: manifests ?? [],
      ...(subject && { subject }),
    };
  });

/**
 * Reads a manifest or an index of OCI or Docker; which of them it is shows in its members. Throws MANIFEST_INVALID, naming `what`, for
 * what is neither, or both, or larger than 4 MiB, or of Docker's schema 1, or whose own mediaType contradicts its members.
 */
export function parseManifest(bytes: Buffer, what: string): Manifest | Index {
  if (bytes.length > manifestLimit) throw invalid(what, `it has ${bytes.length} bytes, and ${manifestLimit} are allowed`);
  const json = parseJson(bytes, what);
  if (json.schemaVersion === 1 || isSchema1(String(json.mediaType))) throw schema1(what);
  const isIndex = 'manifests' in json || indexTypes.includes(String(json.mediaType));
  const { data, error } = isIndex ? IndexJson.safeParse(json) : ManifestJson.safeParse(json);
  if (data === undefined) throw invalid(what, problemsOf(error));
  const contradiction = isIndex ? manifestTypes : indexTypes;
  if (contradiction.includes(data.mediaType)) throw invalid(what, `it calls itself ${data.mediaType} and is not`);
  return data;
}

/** The error for an image that is stored in Docker's schema 1. */
export function schema1(what: string): BundleError {
  return new BundleError('MANIFEST_INVALID', `${what} is stored in Docker's schema 1, which container runtimes no longer take`, {
    hint: 'pull and push it again with a current docker, or use a newer tag',
  });
}

function parseJson(bytes: Buffer, what: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString());
  } catch (cause) {
    throw invalid(what, 'it is no JSON', cause);
  }
  const object = z.record(z.string(), z.unknown()).safeParse(json);
  if (!object.success) throw invalid(what, 'it is no JSON object');
  if (isDeep(object.data)) throw invalid(what, `it nests values more than ${deepest} deep`);
  return object.data;
}

/** What is nested deeper than this is nothing that anybody reads; it would end whoever writes it anew by recursion. */
const deepest = 64;

function isDeep(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > deepest) return true;
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
  }
  return false;
}

function withoutNull({ os, architecture, variant }: { os: string; architecture: string; variant?: string | null | undefined }) {
  return { os, architecture, ...(variant && { variant }) };
}

function problemsOf(error: z.ZodError): string {
  const shown = error.issues.slice(0, 3).map(({ path, message }) => `${path.join('.') || 'document'}: ${message}`);
  const more = error.issues.length - shown.length;
  return `${shown.join('; ')}${more > 0 ? `; and ${more} more problems` : ''}`;
}

function invalid(what: string, reason: string, cause?: unknown): BundleError {
  return new BundleError(
    'MANIFEST_INVALID',
    `the manifest of ${what} is invalid: ${reason}`,
    cause === undefined ? {} : { cause },
  );
}
