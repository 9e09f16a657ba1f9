import { z } from 'zod';
import { Finding } from './finding.ts';
import { apiVersion, Digest, Name, Platform, ReleaseName, Version } from './names.ts';

/** One place where a reference was found: a string of a rendered object. */
export const Place = z.strictObject({
  release: ReleaseName,
  profile: z.string().optional().describe('Scan profile of the render; absent for the values as deployed.'),
  kind: z.string(),
  namespace: z.string().optional(),
  name: z.string(),
  path: z.string().describe('Where in the object, in the syntax of `helm --set`.'),
  hook: z.string().optional().describe('`helm.sh/hook` of the object.'),
});
export type Place = z.infer<typeof Place>;

/**
 * How a reference came into the bundle. `used`: it renders as deployed, and a values path controls it. `hard-coded`: it renders as deployed,
 * and no value controls it. `gated`: a scan profile or `images.gated` brings it. `extra`: `images.extra` names it. `installer`: it is the
 * image of the Job.
 */
export const ImageClass = z.literal(['used', 'hard-coded', 'gated', 'extra', 'installer']);
export type ImageClass = z.infer<typeof ImageClass>;

/**
 * How an image is stored. `platform`: the one manifest of the one target platform. `stripped`: an index that lists only the target's
 * platforms. `complete`: exactly what the source has (single manifests, indexes whose digest the chart decides, artifacts that are no images).
 * `sparse`: the source's index as it is, without what its other platforms need.
 */
export const StoredMode = z.literal(['platform', 'stripped', 'complete', 'sparse']);
export type StoredMode = z.infer<typeof StoredMode>;

/** An artifact that travels with an image because it refers to it: a signature, an attestation, an SBOM. */
export const LockedAttached = z.strictObject({
  subject: Digest.describe('What it is about: the `source` of the image, one of its platforms, or another artifact.'),
  digest: Digest.describe('Its manifest.'),
  mediaType: z.string(),
  artifactType: z.string().describe('What kind of artifact it says it is.'),
  tag: z
    .string()
    .optional()
    .describe("Tag by which it is found, in cosign's older scheme; without one its manifest names the subject."),
});
export type LockedAttached = z.infer<typeof LockedAttached>;

/** An image that travels, and why. */
export const LockedImage = z.strictObject({
  reference: z.string().describe('Canonical: `docker.io/library/redis:7.0.5`, with `@sha256:…` where the chart pins it.'),
  source: Digest.describe(
    'What the source served for the reference. Where `digest` is another, the index of this digest travels as a blob that is not pushed: what signatures are of.',
  ),
  digest: Digest.describe(
    'What the bundle holds and the target registry will serve for it; equals `source` in modes `complete` and `sparse`.',
  ),
  archive: z
    .string()
    .optional()
    .describe('The file or directory of `images.extra` that it came from; absent for what a registry served.'),
  mode: StoredMode.describe(
    "`platform`: the manifest of the one target platform. `stripped`: an index of the target's platforms only. `complete`: what the source has. `sparse`: its index as it is, without what other platforms need; not every registry takes it.",
  ),
  mediaType: z.string(),
  platforms: z.array(Platform),
  size: z.int().nonnegative().describe('Bytes of all manifests, configs and layers of the stored form, each blob once.'),
  class: ImageClass.describe(
    '`used`: it renders as deployed, and a values path controls it. `hard-coded`: it renders as deployed, and no value controls it. `gated`: a scan profile or `images.gated` brings it. `extra`: `images.extra` names it. `installer`: the image of the Job.',
  ),
  gates: z.array(z.string()).describe('What has to be set so that it renders, one entry a way; empty unless `gated`.'),
  valuesPaths: z.array(z.string()).describe('Values paths that control the reference, as `release:path`.'),
  places: z.array(Place),
  attached: z
    .array(LockedAttached)
    .optional()
    .describe('Signatures, attestations, SBOMs and what else refers to it; absent where there is nothing.'),
});
export type LockedImage = z.infer<typeof LockedImage>;

/** A packed chart, by its bytes. */
export const LockedChart = z.strictObject({
  release: ReleaseName,
  name: z.string(),
  version: z.string(),
  digest: Digest.describe('sha256 of the packed chart; a directory is packed with zero times, a `.tgz` is taken byte for byte.'),
  size: z.int().nonnegative(),
});
export type LockedChart = z.infer<typeof LockedChart>;

/** An image that renders only when something is switched on, and that does not travel. */
export const LeftOutImage = z.strictObject({
  release: ReleaseName,
  reference: z.string().describe('Canonical.'),
  gates: z
    .array(z.string())
    .describe(
      'What would make it render, one entry a way: what `helm --set` takes, `--set-string=…`, `--set-json=…`, `--api-versions=…`, `--kube-version=…`.',
    ),
});
export type LeftOutImage = z.infer<typeof LeftOutImage>;

/** A finding, with the release that it is about. */
export const LockedFinding = z.strictObject({ release: ReleaseName, ...Finding.shape });
export type LockedFinding = z.infer<typeof LockedFinding>;

/** Blobs by digest, and one image that has each: what a delta needs to know of its base. */
export const HeldBlobs = z
  .record(Digest, z.string())
  .describe('Configs and layers of the images, and one image that has each: `build --base` leaves them out.');

/** `bundle.lock.yaml`: every name resolved to a digest. Same spec files and same lock: same tar, byte for byte. */
export const Lock = z
  .strictObject({
    apiVersion: z.literal(apiVersion),
    kind: z.literal('Lock'),
    metadata: z.strictObject({ name: Name, version: Version }),
    charts: z.array(LockedChart),
    images: z.array(LockedImage),
    gated: z
      .array(LeftOutImage)
      .default([])
      .describe('Images behind switches that do not travel; `images.gated` or a scan profile brings them.'),
    blobs: HeldBlobs.default({}),
    findings: z.array(LockedFinding).default([]).describe('What `diolkos lint` says of the releases.'),
  })
  .describe('The lock, `bundle.lock.yaml`: every name resolved to a digest. `build` writes it; commit it to git.');
export type Lock = z.infer<typeof Lock>;
