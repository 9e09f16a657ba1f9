import { z } from 'zod';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest, Platform } from '../../bundle-spec/names.ts';
import type { Descriptor, HeldDocument } from '../descriptor.ts';
import { type Index, type Manifest, manifestLimit, parseManifest } from '../manifest.ts';
import { imageConfigTypes } from '../media-types.ts';
import { formatReference, type Reference } from '../reference.ts';
import type { Abortable } from '../registry/registry.ts';
import type { Located } from './image-plan.ts';
import { mostManifests } from './image-tree.ts';
import { formatPlatform } from './platform-match.ts';

/** The documents of one image, each fetched once. All methods throw what the registry throws, and MANIFEST_INVALID. */
export interface ImageReader {
  /** The image's reference, for messages. */
  readonly name: string;
  root(reference: string): Promise<HeldDocument>;
  manifest(descriptor: Descriptor): Promise<HeldDocument>;
  /** Throws also when an index lists more children than an image may have. */
  parse(document: HeldDocument): Manifest | Index;
  /** What the config says; `undefined` for an artifact that is no image. */
  platformOf(manifest: Manifest): Promise<Platform | undefined>;
  /** Adds a document that was not fetched. */
  keep(document: HeldDocument): void;
}

const ConfigJson = z.object({ os: z.string().min(1), architecture: z.string().min(1), variant: z.string().nullish() });

export function imageReader({ registry, repository }: Located, reference: Reference, options: Abortable): ImageReader {
  const name = formatReference(reference);
  const kept = new Map<Digest, HeldDocument>();
  const keep = (document: HeldDocument): HeldDocument => {
    if (kept.size > mostManifests) throw invalid(name, `it leads to more than ${mostManifests} others`);
    kept.set(document.descriptor.digest, document);
    return document;
  };
  return {
    name,
    keep,
    root: async (wanted) => keep(await registry.fetchManifest(repository, wanted, options)),
    async manifest(wanted) {
      const { descriptor, bytes } =
        kept.get(wanted.digest) ?? keep(await registry.fetchManifest(repository, wanted.digest, options));
      if (descriptor.size === wanted.size) return { descriptor: wanted, bytes };
      throw invalid(name, `${wanted.digest} has ${descriptor.size} bytes, and its index says ${wanted.size}`);
    },
    parse({ bytes }) {
      const manifest = parseManifest(bytes, name);
      const children = 'manifests' in manifest ? manifest.manifests.length : 0;
      if (children <= mostManifests) return manifest;
      throw invalid(name, `it lists ${children} manifests, and ${mostManifests} are allowed`);
    },
    async platformOf({ config, artifactType }) {
      if (!imageConfigTypes.includes(config.mediaType) || artifactType !== undefined) return undefined;
      if (config.size > manifestLimit) {
        throw invalid(name, `its config has ${config.size} bytes, and ${manifestLimit} are allowed`);
      }
      return platformIn(await registry.fetchBlob(repository, config, options), name);
    },
  };
}

function platformIn(config: Buffer, name: string): Platform {
  try {
    const { os, architecture, variant } = ConfigJson.parse(JSON.parse(config.toString()));
    return formatPlatform({ os, architecture, ...(variant && { variant }) });
  } catch (cause) {
    throw invalid(name, 'its config names no os and architecture', cause);
  }
}

function invalid(name: string, reason: string, cause?: unknown): BundleError {
  return new BundleError(
    'MANIFEST_INVALID',
    `the manifest of ${name} is invalid: ${reason}`,
    cause === undefined ? {} : { cause },
  );
}
