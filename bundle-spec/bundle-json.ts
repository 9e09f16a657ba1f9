import { z } from 'zod';
import { LockedChart, LockedImage } from './lock.ts';
import { apiVersion, Digest, KubernetesMinor, Name, Platform, ReleaseName, Version } from './names.ts';
import { CarriedValuesLayer } from './values-layer.ts';

/** A kind that a release renders: what the Job's rights are computed from. */
export const RenderedKind = z.strictObject({ apiVersion: z.string(), kind: z.string(), namespace: z.string().optional() });
export type RenderedKind = z.infer<typeof RenderedKind>;

export const CarriedRelease = z.strictObject({
  name: ReleaseName,
  namespace: z.strictObject({ name: Name, create: z.boolean() }),
  /** Digest of the chart's OCI manifest among the blobs. */
  chart: Digest,
  values: z.array(CarriedValuesLayer),
  /** Scan profiles, so that an error behind the gap can name the one that would have brought an image. */
  scan: z.record(z.string(), z.array(CarriedValuesLayer)),
  dependsOn: z.array(ReleaseName),
  /** `images.paths` of the spec for this release. */
  paths: z.array(z.string()),
  kinds: z.array(RenderedKind),
});
export type CarriedRelease = z.infer<typeof CarriedRelease>;

export const CarriedChart = LockedChart.omit({ release: true }).extend({
  /** The OCI manifest whose one layer is the packed chart; `push` tags it `<registry>/<prefix>/charts/<name>:<version>`. */
  manifest: Digest,
});
export type CarriedChart = z.infer<typeof CarriedChart>;

/**
 * `bundle.json`, the first entry of the tar. It names every byte: `entries` are the files between it and the first blob, in file
 * order, `blobs` the files after them. Each header is 512 bytes and each body is padded to 512, so every offset follows.
 */
export const BundleJson = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('BundleJson'),
  /** Version of diolkos that wrote it. */
  tool: z.string(),
  metadata: z.strictObject({ name: Name, version: Version }),
  target: z.strictObject({ kubernetes: z.array(KubernetesMinor), platforms: z.array(Platform), helm: z.literal([3, 4]) }),
  releases: z.array(CarriedRelease),
  images: z.array(LockedImage),
  charts: z.array(CarriedChart),
  /** Canonical reference of the installer image, absent with `installer: none`. */
  installer: z.string().optional(),
  /** `images.ignore` of the spec: these may stay foreign behind the gap too. */
  ignore: z.array(z.string()),
  entries: z.array(z.strictObject({ name: z.string(), size: z.int().nonnegative(), digest: Digest })),
  blobs: z.array(z.tuple([Digest, z.int().nonnegative()])),
});
export type BundleJson = z.infer<typeof BundleJson>;
