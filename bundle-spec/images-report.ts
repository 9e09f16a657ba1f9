import { z } from 'zod';
import { Finding } from './finding.ts';
import { foundImage, objectPlace } from './found-image.ts';
import { apiVersion } from './names.ts';

const FoundAt = z.strictObject(objectPlace);

/** One image of one chart. */
export const ReportedImage = z.strictObject({
  ...foundImage,
  foundAt: z.array(FoundAt),
});
export type ReportedImage = z.infer<typeof ReportedImage>;

/** One chart, or release of a spec; with an error among its findings and no images where it cannot be surveyed. */
export const ReportedChart = z.strictObject({
  name: z.string().describe('Name in Chart.yaml; the path given where that cannot be read.'),
  version: z.string().describe('Version in Chart.yaml; empty where that cannot be read.'),
  release: z.string().describe('Name of the release that was rendered; empty where the chart cannot be read.'),
  images: z.array(ReportedImage),
  findings: z
    .array(Finding)
    .describe('Errors first. A chart that cannot be surveyed has one with the code of the failure, and no images.'),
  renders: z.int().nonnegative().describe('How many times helm rendered.'),
  seconds: z.number().nonnegative(),
});
export type ReportedChart = z.infer<typeof ReportedChart>;

/** What `diolkos images --format json` prints. Fields may be added in this version; none changes its meaning. */
export const ImagesReport = z
  .strictObject({
    apiVersion: z.literal(apiVersion),
    kind: z.literal('ImagesReport'),
    charts: z.array(ReportedChart).describe('One entry a chart given, or a release of the spec, in that order.'),
    extra: z
      .array(z.string())
      .describe('`images.extra` and `--extra` in canonical form: they travel though no render shows them.'),
  })
  .describe(
    'What `diolkos images --format json` prints: every image of each chart, its class, places and gates, and the findings.',
  );
export type ImagesReport = z.infer<typeof ImagesReport>;
