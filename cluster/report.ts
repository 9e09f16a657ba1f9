import { BundleError, type ErrorCode } from '../bundle-spec/bundle-error.ts';

/** The end of one container's log. `lines` is empty when the container said nothing. */
export interface LogTail {
  readonly pod: string;
  readonly container: string;
  readonly lines: readonly string[];
}

/** What is known of a failure besides its verdict. Each list is in order of importance, one line an entry; all may be empty. */
export interface Findings {
  /** The cause, in words. */
  readonly why: readonly string[];
  /** Objects concerned. */
  readonly where: readonly string[];
  readonly logs: readonly LogTail[];
  /** What to do. */
  readonly fix: readonly string[];
  /** Helm's own words, for those who search the web for them. */
  readonly helm: readonly string[];
  /** What was left behind: release status, revision, what was pushed. */
  readonly state: readonly string[];
  /** What a next run does. */
  readonly next: readonly string[];
}

export const noFindings: Findings = { why: [], where: [], logs: [], fix: [], helm: [], state: [], next: [] };

export interface ReleaseInReport {
  readonly name: string;
  readonly namespace: string;
  readonly revision?: number;
}

/**
 * What the Job says of itself. `died` is what stands in the termination message while a phase runs: it is only ever read when
 * the pod was killed before it could write something else.
 */
export interface Report extends Findings {
  readonly outcome: 'ok' | 'failed' | 'died';
  readonly code?: ErrorCode;
  readonly bundle: { readonly name: string; readonly version: string };
  /** `push`, `install`, `hook:pre-upgrade` …; empty when `outcome` is `ok`. */
  readonly phase: string;
  readonly release?: ReleaseInReport;
  /** The rest of the first line: what failed, on which object; or what was done. */
  readonly summary: string;
  readonly seconds: number;
}

/** The first line, which must be enough: `FAILED web@shop rev 3 phase=hook:pre-upgrade after 63s: … [HOOK_FAILED]`. */
export function verdictLine(report: Report): string {
  const { bundle, release, seconds } = report;
  const subject = `${bundle.name} ${bundle.version}`;
  if (report.outcome === 'ok') return `OK ${subject}: ${report.summary} in ${seconds}s`;
  const revision = release?.revision === undefined ? '' : ` rev ${release.revision}`;
  const what = release === undefined ? subject : `${release.name}@${release.namespace}${revision}`;
  const code = report.code === undefined ? '' : ` [${report.code}]`;
  const verdict = report.outcome === 'failed' ? 'FAILED' : 'DIED';
  const when = report.outcome === 'failed' ? ` after ${seconds}s` : '';
  return `${verdict} ${what} phase=${report.phase}${when}: ${firstLine(report.summary)}${code}`;
}

function firstLine(text: string): string {
  return text.replace(/\s*\n[\s\S]*$/, '');
}

/** A failure that comes with its explanation. `phase` and `release` go into the verdict when they are known better than by the step. */
export class ExplainedError extends BundleError {
  readonly findings: Findings;
  readonly phase: string | undefined;
  readonly release: ReleaseInReport | undefined;

  constructor(
    code: ErrorCode,
    summary: string,
    explanation: {
      readonly findings: Partial<Findings>;
      readonly phase?: string;
      readonly release?: ReleaseInReport;
      readonly cause?: unknown;
    },
  ) {
    const { findings, phase, release, cause } = explanation;
    const [hint] = findings.fix ?? [];
    super(code, summary, { ...(hint === undefined ? {} : { hint }), ...(cause === undefined ? {} : { cause }) });
    this.findings = { ...noFindings, ...findings };
    this.phase = phase;
    this.release = release;
  }
}
