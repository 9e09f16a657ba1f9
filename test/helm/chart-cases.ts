import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';

/** The charts of our own, one shape a folder. */
export const chartsFolder = join(import.meta.dirname, '../charts');

/**
 * What discovery and rewrite of a chart in `test/charts/` have to show, with no values of the user's, for registry.internal:5000/mirror: the
 * file `expected.yaml` of its folder.
 */
const Expected = z.strictObject({
  /** One phrase: the shape. */
  shape: z.string(),
  kubernetes: z.array(z.string()).default(['1.36']),
  /** How many times helm renders until everything is found. */
  renders: z.number(),
  /** By reference: the values paths that control it, and all its places. No path: hard-coded, unless the class says more. */
  found: z.record(
    z.string(),
    z.strictObject({
      class: z.literal('declared').optional(),
      paths: z.array(z.string()),
      places: z.array(z.string()),
    }),
  ),
  overrides: z.record(z.string(), z.unknown()),
  /** References that the values alone do not rewrite, by who does. */
  rewritable: z.record(z.string(), z.enum(['post-render', 'no'])).default({}),
  /** Reason and text of what the proof leaves. */
  left: z.array(z.string()).default([]),
  /** Helm 3 sends no hooks through a post-renderer; `left` where that makes a difference. */
  leftByHelm3: z.array(z.string()).optional(),
});

export type ChartCase = z.infer<typeof Expected> & { readonly chart: string };

/** Every chart that says what is expected of it; those for gates are told by the tests of gates. */
export const chartCases: readonly ChartCase[] = readdirSync(chartsFolder)
  .filter((chart) => readdirSync(join(chartsFolder, chart)).includes('expected.yaml'))
  .map((chart) => ({
    chart,
    ...Expected.parse(parseYaml11(readFileSync(join(chartsFolder, chart, 'expected.yaml'), 'utf8'))[0]),
  }));
