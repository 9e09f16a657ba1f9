import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Finding } from '../bundle-spec/finding.ts';
import type { Leftover } from '../helm/discovery.ts';
import type { Helm } from '../helm/helm.ts';
import { leftoverReason } from '../helm/leftovers.ts';
import { fillPlaceholders } from '../helm/placeholders.ts';
import { bareChartError, inBareWords } from './bare-chart-words.ts';
import type { FailedSource, Source } from './read-sources.ts';
import { type ReleaseSurvey, type SurveyInput, type SurveyOptions, surveyRelease } from './survey-release.ts';

/** A source and what is known of it. `findings` are all there are, what the rewrite leaves among them, errors first. */
export interface SurveyedSource {
  readonly source: Source;
  /** What was surveyed: the source's input, with placeholders where they were wanted. */
  readonly input: SurveyInput;
  readonly survey: ReleaseSurvey;
  readonly findings: readonly Finding[];
}

export interface SourceOptions extends SurveyOptions {
  /** Fill in what charts demand. */
  readonly placeholder: boolean;
}

/**
 * Surveys one source after the other; each result is given as soon as it is there. A release that fails is given with its error.
 * Throws what is no matter of one chart: HELM_MISSING, INTERRUPTED.
 */
export async function* surveySources(
  helm: Helm,
  sources: readonly (Source | FailedSource)[],
  options: SourceOptions,
): AsyncGenerator<SurveyedSource | FailedSource> {
  for (const source of sources) yield 'error' in source ? source : await surveySource(helm, source, options);
}

async function surveySource(helm: Helm, source: Source, options: SourceOptions): Promise<SurveyedSource | FailedSource> {
  try {
    const { input, findings } = options.placeholder ? await filled(helm, source.input, options) : { ...source, findings: [] };
    const survey = await surveyRelease(helm, input, options);
    const all = bySeverity([...survey.leftovers.map(leftoverFinding), ...survey.findings, ...findings]);
    return { source, input, survey, findings: source.isBare ? all.map(inWordsOfFlags) : all };
  } catch (error) {
    options.signal.throwIfAborted();
    if (!(error instanceof Error) || (error instanceof BundleError && error.code === 'HELM_MISSING')) throw error;
    const isBare = source.isBare && error instanceof BundleError;
    return { name: source.name, source, error: isBare ? bareChartError(error, source.name) : error };
  }
}

function leftoverFinding(leftover: Leftover): Finding {
  const { kind, name, path } = leftover.place;
  return {
    severity: 'error',
    code: 'REWRITE_UNPROVEN',
    message: leftoverReason(leftover),
    where: `${kind}/${name} ${path}`,
    fix: `add to the spec: ${leftover.specLine}`,
  };
}

function inWordsOfFlags({ fix, ...finding }: Finding): Finding {
  return fix === undefined ? finding : { ...finding, fix: inBareWords(fix) };
}

/** The input with placeholders as its last layer, and what they stand for. */
async function filled(
  helm: Helm,
  input: SurveyInput,
  { signal }: SourceOptions,
): Promise<{ readonly input: SurveyInput; readonly findings: readonly Finding[] }> {
  const { name, namespace, values, kubernetes, apiVersions = [] } = input;
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-chart-'));
  try {
    const chart = join(folder, 'chart.tgz');
    await writeFile(chart, input.chart.bytes);
    const release = { name, namespace, chart, values };
    const { placeholders, ...rest } = await fillPlaceholders(helm, release, {
      kubernetes: kubernetes[0] ?? '',
      apiVersions,
      signal,
    });
    if (placeholders.length === 0) return { input, findings: [] };
    const layer = { name: '--placeholder', text: JSON.stringify(rest.values) };
    const findings = placeholders.map(({ path, value, reason }): Finding => {
      const fix = `give ${path} with --values or --set, and leave --placeholder out`;
      const message = `${path} is missing and was filled with ${JSON.stringify(value)}: ${reason}`;
      return { severity: 'warning', code: 'VALUE_MISSING', message, where: path, fix };
    });
    return { input: { ...input, values: [...values, layer] }, findings };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const severities: readonly Finding['severity'][] = ['error', 'warning', 'info'];

/** Errors first, then warnings; within one severity in the order they came. */
export function bySeverity(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity));
}
