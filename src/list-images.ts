import { findHelm } from '../helm/helm.ts';
import { checkSources } from './check-sources.ts';
import type { ChartFlags } from './commands/chart-options.ts';
import type { Format } from './commands/format-option.ts';
import { imagesReport } from './images-report.ts';
import { printFailed, printSurvey, printSurveySummary } from './print-images.ts';
import { printJson } from './print-table.ts';
import { type FailedSource, readSources } from './read-sources.ts';
import { type SurveyedSource, surveySources } from './survey-sources.ts';

export interface ListFlags extends ChartFlags {
  readonly gates: boolean;
  readonly format: Format;
}

/**
 * Prints the images of a spec or of charts: for people each chart as soon as it is surveyed, as JSON one document at the end.
 * When all are printed it throws what kept any from being surveyed. Throws as `readSources` does besides.
 */
export async function listImages(
  names: readonly string[],
  flags: ListFlags,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const { sources, extra } = await readSources(names, flags, { signal });
  const helm = await findHelm({ signal });
  const results: (SurveyedSource | FailedSource)[] = [];
  for await (const result of surveySources(helm, sources, {
    gates: flags.gates,
    placeholder: flags.placeholder === true,
    signal,
  })) {
    results.push(result);
    if (flags.format === 'json') continue;
    if ('survey' in result) printSurvey(result);
    else printFailed(result);
  }
  const surveyed = results.filter((result): result is SurveyedSource => 'survey' in result);
  if (flags.format === 'json') printJson(imagesReport(results, extra));
  else {
    for (const reference of extra) process.stdout.write(`extra: ${reference}\n`);
    if (surveyed.length > 0) printSurveySummary(surveyed, extra);
  }
  checkSources(results);
}
