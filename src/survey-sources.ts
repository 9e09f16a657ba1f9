import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Finding } from '../bundle-spec/finding.ts';
import type { Leftover } from '../helm/discovery.ts';
import type { Helm } from '../helm/helm.ts';
import { leftoverReason } from '../helm/leftovers.ts';
import { bareChartError, inBareWords } from './bare-chart-words.ts';
import { type FilledInput, fillInput, withoutPlaceholders } from './fill-input.ts';
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

/** The same for charts that were given alone. */
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
  let findings: readonly Finding[] = [];
  try {
    const filled = options.placeholder ? await fillInput(helm, source.input, options) : unfilled(source);
    const { input, renders } = filled;
    findings = filled.findings;
    const found = await surveyRelease(helm, input, options);
    const survey = { ...withoutPlaceholders(found), renders: found.renders + renders };
    const all = bySeverity([...survey.leftovers.map(leftoverFinding), ...survey.findings, ...findings]);
    return { source, input, survey, findings: source.isBare ? all.map(inWordsOfFlags) : all };
  } catch (error) {
    options.signal.throwIfAborted();
    if (!(error instanceof Error) || (error instanceof BundleError && error.code === 'HELM_MISSING')) throw error;
    const isBare = source.isBare && error instanceof BundleError;
    return { name: source.name, source, error: isBare ? bareChartError(error, source.name) : error, findings };
  }
}

function unfilled({ input }: Source): FilledInput {
  return { input, findings: [], renders: 0 };
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

const severities: readonly Finding['severity'][] = ['error', 'warning', 'info'];

/** Errors first, then warnings; within one severity in the order they came. */
export function bySeverity(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity));
}
