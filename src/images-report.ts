import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Finding } from '../bundle-spec/finding.ts';
import type { ImagesReport, ReportedChart } from '../bundle-spec/images-report.ts';
import { apiVersion } from '../bundle-spec/names.ts';
import type { FailedSource } from './read-sources.ts';
import type { SurveyedSource } from './survey-sources.ts';

/** What `diolkos images --format json` prints. A source that failed is an entry with the failure as its finding. */
export function imagesReport(results: readonly (SurveyedSource | FailedSource)[], extra: readonly string[]): ImagesReport {
  return { apiVersion, kind: 'ImagesReport', charts: results.map(reportedChart), extra: [...extra] };
}

/** One chart of the report, which is what `diolkos lint` reports of it too. */
export function reportedChart(result: SurveyedSource | FailedSource): ReportedChart {
  if ('error' in result) return failedChart(result);
  const { survey, findings } = result;
  return {
    ...survey.chart,
    release: survey.release,
    images: survey.images.map(({ reference, class: found, gates, valuesPaths, places, rewritable }) => ({
      reference,
      class: found,
      gates: [...gates],
      valuesPaths: [...valuesPaths],
      foundAt: places.map(({ kind, namespace, name, path }) => ({
        kind,
        ...(namespace === undefined ? {} : { namespace }),
        name,
        path,
      })),
      rewritable,
    })),
    findings: [...findings],
    renders: survey.renders,
    seconds: Math.round(survey.seconds * 1000) / 1000,
  };
}

function failedChart({ name, source, error, findings = [] }: FailedSource): ReportedChart {
  const { name: chart = name, version = '' } = source?.input.chart ?? {};
  return {
    name: chart,
    version,
    release: source?.input.name ?? '',
    images: [],
    findings: [failureFinding(error), ...findings],
    renders: 0,
    seconds: 0,
  };
}

/** `BUG` for what should not happen. */
function failureFinding(error: Error): Finding {
  if (!(error instanceof BundleError)) return { severity: 'error', code: 'BUG', message: error.message };
  const { code, message, hint } = error;
  return { severity: 'error', code, message, ...(hint === undefined ? {} : { fix: hint }) };
}
