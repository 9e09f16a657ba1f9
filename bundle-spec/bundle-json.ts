import { z } from 'zod';
import { LeftOutImage, LockedChart, LockedImage } from './lock.ts';
import { apiVersion, Digest, KubernetesVersion, Name, Platform, ReleaseName, Version } from './names.ts';
import { CarriedValuesLayer } from './values-layer.ts';

/** A kind that a release renders: what the Job's rights are computed from. */
export const RenderedKind = z.strictObject({ apiVersion: z.string(), kind: z.string(), namespace: z.string().optional() });
export type RenderedKind = z.infer<typeof RenderedKind>;

export const CarriedRelease = z.strictObject({
  name: ReleaseName,
  namespace: z.strictObject({ name: Name, create: z.boolean() }),
  chart: Digest.describe("Digest of the chart's OCI manifest among the blobs."),
  values: z.array(CarriedValuesLayer),
  scan: z
    .record(z.string(), z.array(CarriedValuesLayer))
    .describe('Scan profiles, so that an error behind the gap can name the one that would have brought an image.'),
  dependsOn: z.array(ReleaseName),
  paths: z.array(z.string()).describe('`images.paths` of the spec for this release.'),
  kinds: z.array(RenderedKind).describe("Kinds that the release renders: what the Job's rights are computed from."),
});
export type CarriedRelease = z.infer<typeof CarriedRelease>;

export const CarriedChart = LockedChart.omit({ release: true }).extend({
  manifest: Digest.describe(
    'OCI manifest whose one layer is the packed chart; `push` tags it `<registry>/<prefix>/charts/<name>:<version>`.',
  ),
});
export type CarriedChart = z.infer<typeof CarriedChart>;

/** The entry that a signature of bundle.json has: its name says of which kind. */
export const SignaturePlace = z.strictObject({
  name: z.literal(['bundle.json.minisig', 'bundle.json.sigstore.json']),
  size: z
    .int()
    .min(1)
    .max(1 << 16)
    .describe('Bytes; line ends fill up what the signature leaves.'),
});
export type SignaturePlace = z.infer<typeof SignaturePlace>;

/** What a delta was computed from: its blobs are expected at the target. */
export const DeltaBase = z.strictObject({
  from: z.literal(['bundle', 'lock', 'site-report']).describe('Kind of the file that told what the other side has.'),
  name: Name,
  version: Version,
  digest: Digest.describe('Of bundle.json of that bundle (as the site report names it, too), or of the bytes of that lock.'),
});
export type DeltaBase = z.infer<typeof DeltaBase>;

/**
 * `bundle.json`, the first entry of the tar. It names every byte: behind it stands `bundle.json.sha256`, its own checksum; then
 * its signature, where `signature` says so; then `entries`, in file order, then `blobs`. Each header is 512 bytes and each body is padded to 512, so every offset follows.
 */
export const BundleJson = z
  .strictObject({
    apiVersion: z.literal(apiVersion),
    kind: z.literal('BundleJson'),
    tool: z.string().describe('Version of diolkos that wrote it.'),
    metadata: z.strictObject({ name: Name, version: Version }),
    target: z.strictObject({ kubernetes: z.array(KubernetesVersion), platforms: z.array(Platform), helm: z.literal([3, 4]) }),
    releases: z.array(CarriedRelease),
    images: z.array(LockedImage),
    gated: z
      .array(LeftOutImage)
      .describe(
        'Images behind switches that did not travel, so that an error behind the gap can say what would have brought one.',
      ),
    charts: z.array(CarriedChart),
    installer: z.string().optional().describe('Canonical reference of the installer image, absent with `installer: none`.'),
    ignore: z.array(z.string()).describe('`images.ignore` of the spec: these may stay foreign behind the gap too.'),
    signature: SignaturePlace.optional().describe(
      'The entry behind `bundle.json.sha256` that holds the signature of bundle.json, or place for one; absent in a bundle that nobody signs.',
    ),
    entries: z
      .array(z.strictObject({ name: z.string(), size: z.int().nonnegative(), digest: Digest }))
      .describe('Files of the tar between bundle.json and the first blob, in file order.'),
    blobs: z
      .array(z.tuple([Digest, z.int().nonnegative()]))
      .describe('Digest and size of every file under `blobs/sha256/`, in file order.'),
    absent: z
      .array(z.tuple([Digest, z.int().nonnegative(), z.string()]))
      .describe(
        'Blobs that a delta leaves out, sorted by digest: digest, size, and an image of the base that has it. Empty in a whole bundle.',
      ),
    base: DeltaBase.optional().describe('What a delta was computed from; absent in a whole bundle.'),
  })
  .describe('`bundle.json`, the first entry of a bundle. It names every byte of it, so that every offset is known.');
export type BundleJson = z.infer<typeof BundleJson>;
