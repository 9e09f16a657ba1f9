import { z } from 'zod';
import { ReportedChart } from './images-report.ts';
import { apiVersion } from './names.ts';

/** One chart, or release of a spec. */
export const LintedChart = ReportedChart.pick({ name: true, version: true, release: true, findings: true });
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
