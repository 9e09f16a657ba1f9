import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '../bundle-spec/finding.ts';
import type { Helm } from '../helm/helm.ts';
import { fillPlaceholders } from '../helm/placeholders.ts';
import type { ReleaseSurvey, SurveyInput } from './survey-release.ts';

/** An input that renders because placeholders are its last layer of values. */
export interface FilledInput {
  readonly input: SurveyInput;
  /** VALUE_MISSING for each value that had to be made up. */
  readonly findings: readonly Finding[];
  readonly renders: number;
}

/** Fills in what the chart demands and the values do not give. Throws what is no matter of values: HELM_MISSING, CHART_INVALID. */
export async function fillInput(
  helm: Helm,
  input: SurveyInput,
  { signal }: { readonly signal: AbortSignal },
): Promise<FilledInput> {
  const { name, namespace, values, kubernetes, apiVersions = [] } = input;
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-chart-'));
  try {
    const chart = join(folder, 'chart.tgz');
    await writeFile(chart, input.chart.bytes);
    const options = { kubernetes: kubernetes[0] ?? '', apiVersions, signal };
    const filled = await fillPlaceholders(helm, { name, namespace, chart, values }, options);
    const { placeholders, renders } = filled;
    if (placeholders.length === 0) return { input, findings: [], renders };
    const layer = { name: '--placeholder', text: JSON.stringify(filled.values) };
    const findings = placeholders.map(({ path, value, reason }): Finding => {
      const fix = `give ${path} with --values or --set; what it stands for is not known without it`;
      const message = `${path} is missing and was filled with ${shortened(JSON.stringify(value))}: ${reason}`;
      return { severity: 'warning', code: 'VALUE_MISSING', message, where: path, fix };
    });
    return { input: { ...input, values: [...values, layer] }, findings, renders };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** The survey without images that a placeholder names: VALUE_MISSING tells of the value, and there is no such image. */
export function withoutPlaceholders(survey: ReleaseSurvey): ReleaseSurvey {
  const isReal = (text: string): boolean => !/(?:^|[./@])placeholder\.invalid(?:[:/]|$)/.test(text);
  return {
    ...survey,
    images: survey.images.filter(({ reference }) => isReal(reference)),
    leftovers: survey.leftovers.filter(({ reference }) => isReal(reference)),
    findings: survey.findings.filter(({ message }) => isReal(message.split(/[\s"]/)[0] ?? '')),
  };
}
