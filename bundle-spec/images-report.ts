import { z } from 'zod';
import { Finding } from './finding.ts';
import { apiVersion } from './names.ts';

/** How a reference of a chart was found. */
export const FoundClass = z.literal(['used', 'hard-coded', 'gated', 'declared']);
export type FoundClass = z.infer<typeof FoundClass>;

/** Which way brings a reference from the registry behind the gap in all of its places. */
export const Rewritable = z.literal(['values', 'post-render', 'no']);
export type Rewritable = z.infer<typeof Rewritable>;

const FoundAt = z.strictObject({
  kind: z.string(),
  namespace: z.string().optional().describe('As the object names it; absent where the chart leaves it to the release.'),
  name: z.string().describe('With `*` for what is new in each render.'),
  path: z
    .string()
    .describe('Where in the object, in the syntax of `helm --set`; `#` where it goes on in a document that a string holds.'),
});

export const ReportedImage = z.strictObject({
  reference: z.string().describe('Canonical: `docker.io/library/redis:7.0.5`, with `@sha256:…` where the chart pins it.'),
  class: FoundClass.describe(
    '`used`: it renders as deployed, and a value controls it. `hard-coded`: it renders as deployed, and no value controls it. `gated`: it renders when one of `gates` is set. `declared`: it stands in the values, and no render shows it in use.',
  ),
  gates: z
    .array(z.string())
    .describe(
      'Ways to make it render: `--set` syntax, `--api-versions=…`, `--kube-version=…` or `profile <name>`; empty unless `gated`.',
    ),
  valuesPaths: z.array(z.string()).describe('Values paths that control it, in the syntax of `helm --set`.'),
  foundAt: z.array(FoundAt),
  rewritable: Rewritable.describe(
    '`values`: values bring it from another registry in all places. `post-render`: a post-renderer has to help. `no`: a finding names the line to add.',
  ),
});
export type ReportedImage = z.infer<typeof ReportedImage>;

export const ReportedChart = z.strictObject({
  name: z.string().describe('Name in Chart.yaml; the path given where that cannot be read.'),
  version: z.string().describe('Version in Chart.yaml; empty where that cannot be read.'),
  release: z.string().describe('Name of the release that was rendered.'),
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
