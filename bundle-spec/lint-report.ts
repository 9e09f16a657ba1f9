import { z } from 'zod';
import { Finding } from './finding.ts';
import { apiVersion } from './names.ts';

/** One chart, or release of a spec. */
export const LintedChart = z.strictObject({
  name: z.string().describe('Name in Chart.yaml; the path given where that cannot be read.'),
  version: z.string().describe('Version in Chart.yaml; empty where that cannot be read.'),
  release: z.string().describe('Name of the release that was rendered; empty where the chart cannot be read.'),
  findings: z
    .array(Finding)
    .describe('Errors first. What keeps a chart from being surveyed is an error with the code of the failure.'),
});
export type LintedChart = z.infer<typeof LintedChart>;

/** What `diolkos lint --format json` prints. Fields may be added in this version; none changes its meaning. */
export const LintReport = z
  .strictObject({
    apiVersion: z.literal(apiVersion),
    kind: z.literal('LintReport'),
    charts: z.array(LintedChart).describe('One entry a chart given, or a release of the spec, in that order.'),
  })
  .describe('What `diolkos lint --format json` prints: the findings of each chart.');
export type LintReport = z.infer<typeof LintReport>;
