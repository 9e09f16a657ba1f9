import type { LintedChart, LintReport } from '../bundle-spec/lint-report.ts';
import { apiVersion } from '../bundle-spec/names.ts';
import { findHelm } from '../helm/helm.ts';
import type { ChartFlags } from './commands/chart-options.ts';
import type { Format } from './commands/format-option.ts';
import { reportedChart } from './images-report.ts';
import { describeFinding } from './print-images.ts';
import { count, printJson } from './print-table.ts';
import { readSources } from './read-sources.ts';
import { bySeverity, surveySources } from './survey-sources.ts';

export interface LintFlags extends ChartFlags {
  readonly gates: boolean;
  readonly strict: boolean;
  readonly format: Format;
}

/**
 * Prints the findings of a spec or of charts, errors first, and gives whether they pass: no error, and with `strict` no warning. What keeps a
 * chart from being surveyed is an error among its findings. Throws as `readSources` does.
 */
export async function lintSources(
  names: readonly string[],
  flags: LintFlags,
  { signal }: { readonly signal: AbortSignal },
): Promise<boolean> {
  const { sources } = await readSources(names, flags, { signal });
  const helm = await findHelm({ signal });
  const charts: LintedChart[] = [];
  for await (const result of surveySources(helm, sources, {
    gates: flags.gates,
    placeholder: flags.placeholder === true,
    signal,
  })) {
    const { name, version, release, findings } = reportedChart(result);
    charts.push({ name, version, release, findings });
  }
  if (flags.format === 'json') printJson({ apiVersion, kind: 'LintReport', charts } satisfies LintReport);
  else printFindings(charts);
  const severities = new Set(charts.flatMap(({ findings }) => findings.map(({ severity }) => severity)));
  return !severities.has('error') && !(flags.strict && severities.has('warning'));
}

function printFindings(charts: readonly LintedChart[]): void {
  const all = charts.flatMap(({ name, release, findings }) => {
    const title = charts.length === 1 ? '' : `${release || name}: `;
    return findings.map((finding) => ({ ...finding, message: `${title}${finding.message}` }));
  });
  const sorted = bySeverity(all);
  for (const finding of sorted) process.stdout.write(`${describeFinding(finding).join('\n')}\n`);
  const counted = (['error', 'warning', 'info'] as const).map((severity) => {
    return count(sorted.filter((finding) => finding.severity === severity).length, severity === 'info' ? 'hint' : severity);
  });
  process.stderr.write(`${counted.join(', ')} in ${count(charts.length, 'release')}\n`);
}
