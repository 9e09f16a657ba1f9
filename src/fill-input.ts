import type { Finding } from '../bundle-spec/finding.ts';
import { placeholderHost } from '../helm/gates/gate-knowledge.ts';
import type { Helm } from '../helm/helm.ts';
import { fillPlaceholders, type Placeholder } from '../helm/placeholders.ts';
import { withChartFile } from './chart-file.ts';
import type { ReleaseSurvey, SurveyInput } from './survey-release.ts';

/** An input with placeholders as its last layer of values. It may still not render: then its survey fails with what is left. */
export interface FilledInput {
  readonly input: SurveyInput;
  /** VALUE_MISSING for each value that had to be made up. */
  readonly findings: readonly Finding[];
  readonly renders: number;
}

/** Fills in what the chart demands and the values do not give, as far as helm's messages tell. Throws what is no matter of values: HELM_MISSING, CHART_INVALID. */
export async function fillInput(
  helm: Helm,
  input: SurveyInput,
  { signal }: { readonly signal: AbortSignal },
): Promise<FilledInput> {
  const { name, namespace, values, kubernetes, apiVersions = [] } = input;
  const options = { kubernetes: kubernetes[0] ?? '', apiVersions, signal };
  const filled = await withChartFile(input.chart, (chart) => {
    return fillPlaceholders(helm, { name, namespace, chart, values }, options);
  });
  const { placeholders, renders } = filled;
  if (placeholders.length === 0) return { input, findings: [], renders };
  const layer = { name: '--placeholder', text: JSON.stringify(filled.values) };
  return { input: { ...input, values: [...values, layer] }, findings: placeholders.map(missing), renders };
}

function missing({ path, value, reason }: Placeholder): Finding {
  return {
    severity: 'warning',
    code: 'VALUE_MISSING',
    message: `${path} is missing and was filled with ${shortened(JSON.stringify(value))}: ${reason}`,
    where: path,
    fix: `give ${path} with --values or --set; what it stands for is not known without it`,
  };
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

const madeUp = new RegExp(`(?:^|[./@])${placeholderHost.replace('.', '\\.')}(?:[:/]|$)`);

/** The survey without images that a placeholder names: VALUE_MISSING tells of the value, and there is no such image. */
export function withoutPlaceholders(survey: ReleaseSurvey): ReleaseSurvey {
  const isReal = (text: string): boolean => !madeUp.test(text);
  return {
    ...survey,
    images: survey.images.filter(({ reference }) => isReal(reference)),
    leftovers: survey.leftovers.filter(({ reference }) => isReal(reference)),
    findings: survey.findings.filter(({ message }) => isReal(message.split(/[\s"]/)[0] ?? '')),
  };
}
