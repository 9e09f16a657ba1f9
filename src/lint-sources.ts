import type { Finding } from '../bundle-spec/finding.ts';
import { apiVersion } from '../bundle-spec/names.ts';
import { findHelm } from '../helm/helm.ts';
import type { ChartFlags } from './commands/chart-options.ts';
import type { Format } from './commands/format-option.ts';
import { failureFinding } from './images-report.ts';
import { describeFinding } from './print-images.ts';
import { count, printJson } from './print-table.ts';
import { readSources } from './read-sources.ts';
import { bySeverity, surveySources } from './survey-sources.ts';

export interface LintFlags extends ChartFlags {
  readonly gates: boolean;
  readonly strict: boolean;
  readonly format: Format;
}

interface Linted {
  readonly name: string;
  readonly version: string;
  readonly release: string;
  readonly findings: readonly Finding[];
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
  const charts: Linted[] = [];
  for await (const result of surveySources(helm, sources, {
    gates: flags.gates,
    placeholder: flags.placeholder === true,
    signal,
  })) {
    const { name, version } = result.source?.input.chart ?? { name: 'error' in result ? result.name : '', version: '' };
    const findings = 'error' in result ? [failureFinding(result.error)] : result.findings;
    charts.push({ name, version, release: result.source?.input.name ?? '', findings });
  }
  if (flags.format === 'json') printJson({ apiVersion, kind: 'LintReport', charts });
  else printFindings(charts);
  const severities = new Set(charts.flatMap(({ findings }) => findings.map(({ severity }) => severity)));
  return !severities.has('error') && !(flags.strict && severities.has('warning'));
}

function printFindings(charts: readonly Linted[]): void {
  const all = charts.flatMap(({ name, release, findings }) => {
    const title = charts.length === 1 ? '' : `${release || name}: `;
    return findings.map((finding) => ({ ...finding, message: `${title}${finding.message}` }));
  });
  const sorted = bySeverity(all);
  for (const finding of sorted)
    process.stdout.write(
      `${describeFinding(finding)
        .map((line) => line.slice(4))
        .join('\n')}\n`,
    );
  const counted = (['error', 'warning', 'info'] as const).map((severity) => {
    return count(sorted.filter((finding) => finding.severity === severity).length, severity === 'info' ? 'hint' : severity);
  });
  process.stderr.write(`${counted.join(', ')} in ${count(charts.length, 'release')}\n`);
}
