import { z } from 'zod';
import { HeldBlobs } from './lock.ts';
import { apiVersion, Digest, Name, Version } from './names.ts';

/**
 * What a site says of the bundle that it has: the Job's record (`kubectl get configmap diolkos-record-<bundle>`, key `record.json`) and
 * `diolkos push --format json` are both one. It crosses the gap the other way, as the base of a delta.
 */
export const SiteReport = z
  .looseObject({
    apiVersion: z.literal(apiVersion),
    kind: z.literal('SiteReport'),
    bundle: z.object({
      name: Name,
      version: Version,
      digest: Digest.describe('Of bundle.json.'),
    }),
    blobs: HeldBlobs.optional().describe(
      'Configs and layers of the images, and one image that has each. Absent where they do not fit into a ConfigMap.',
    ),
  })
  .describe('What a site says of the bundle that it has: the base of a delta.');
export type SiteReport = z.infer<typeof SiteReport>;
