import { BundleError } from '../bundle-spec/bundle-error.ts';
import { type Redact, redactSecrets } from '../cluster/redaction.ts';
import { ExplainedError, noFindings, type Report } from '../cluster/report.ts';
import { formatTerminationMessage, writeTerminationMessage } from '../cluster/termination-message.ts';

/** What a phase leaves behind if it is cut off, in words: for the message that is read when the pod was killed. */
export interface PhaseWords {
  readonly state: readonly string[];
  readonly next: readonly string[];
}

const afterFix = ['after the fix, run the Job again: what is done is not done twice'];

/** Where a report goes: one JSON line per event on stdout, and the termination message. */
export interface ReporterOutput {
  readonly messageFile: string;
  readonly writeLine: (line: string) => void;
}

/**
 * Tells what the Job does while it does it. The termination message always holds what should be read if the pod were killed now.
 * Texts of Secrets that were read are taken out of everything.
 */
export class Reporter {
  bundle: { readonly name: string; readonly version: string } = { name: 'bundle', version: '?' };
  readonly #output: ReporterOutput;
  readonly #startedAt = performance.now();
  readonly #secrets: string[] = [];
  #redact: Redact = (line) => line;
  #phase = 'start';
  #words: PhaseWords = { state: ['nothing was changed'], next: ['run the Job again'] };
  #message: Promise<void> = Promise.resolve();
  #writtenAt = 0;

  constructor(output: ReporterOutput) {
    this.#output = output;
  }

  get phase(): string {
    return this.#phase;
  }

  /** Whole seconds since the Job began. */
  get seconds(): number {
    return Math.round((performance.now() - this.#startedAt) / 1000);
  }

  /** From now on nothing of these texts is told. */
  keepSecret(texts: readonly string[]): void {
    this.#secrets.push(...texts);
    this.#redact = redactSecrets(this.#secrets);
  }

  /** One event as a JSON line. */
  event(type: string, fields: Readonly<Record<string, unknown>> = {}): void {
    const line = { time: new Date().toISOString(), phase: this.#phase, event: type, ...fields };
    this.#output.writeLine(JSON.stringify(line, (_, value) => (typeof value === 'string' ? this.#redact(value) : value)));
  }

  /** Begins a phase; `words` is what to say if it is cut off. */
  async beginPhase(phase: string, words: PhaseWords): Promise<void> {
    this.#phase = phase;
    this.#words = words;
    this.event('phase');
    await this.#write(this.#diedReport());
  }

  /** How far the phase is, for the message of a pod that is killed. Written at most once a second. */
  progress(words: PhaseWords): void {
    this.#words = words;
    if (performance.now() - this.#writtenAt < 1_000) return;
    void this.#write(this.#diedReport());
  }

  /** The last word. Gives the report as it was written, without secrets. */
  async end(report: Report): Promise<Report> {
    const told = redactReport(report, this.#redact);
    this.event(told.outcome === 'ok' ? 'done' : 'failed', { report: told });
    await this.#write(told);
    return told;
  }

  /** The report for what a step threw. */
  failureReport(error: unknown): Report {
    const base = { bundle: this.bundle, phase: this.#phase, seconds: this.seconds, outcome: 'failed' as const };
    if (error instanceof ExplainedError) {
      const { findings, phase, release, code, message } = error;
      const next = findings.next.length > 0 ? findings.next : afterFix;
      const state = findings.state.length > 0 ? findings.state : this.#words.state;
      return {
        ...base,
        ...findings,
        next,
        state,
        code,
        summary: message,
        phase: phase ?? this.#phase,
        ...(release && { release }),
      };
    }
    if (error instanceof BundleError) {
      const [summary = '', ...why] = error.message.split('\n');
      const fix = error.hint === undefined ? [] : [error.hint];
      const next = error.code === 'INTERRUPTED' ? this.#words.next : afterFix;
      return { ...base, ...noFindings, state: this.#words.state, next, why, fix, code: error.code, summary };
    }
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const [summary = '', ...why] = stack.split('\n');
    return {
      ...base,
      ...noFindings,
      ...this.#words,
      why,
      summary: `a bug in diolkos: ${summary}`,
      fix: ['report it, with this message'],
    };
  }

  #diedReport(): Report {
    const since = `${new Date().toISOString().slice(11, 19)}Z`;
    const summary = `the installer was killed in this phase before it could say more (last sign of life ${since})`;
    const why = [
      'out of memory, eviction, a lost node, a deadline, or somebody deleted the pod: "kubectl describe pod" has the reason',
    ];
    const report = {
      ...noFindings,
      ...this.#words,
      bundle: this.bundle,
      phase: this.#phase,
      outcome: 'died',
      seconds: this.seconds,
    } as const;
    return redactReport({ ...report, summary, why }, this.#redact);
  }

  /** One after the other, so that an older text never overwrites a newer one. A missing file is no failure: outside a pod there is none. */
  async #write(report: Report): Promise<void> {
    this.#writtenAt = performance.now();
    const text = formatTerminationMessage(report);
    this.#message = this.#message.then(() => writeTerminationMessage(this.#output.messageFile, text)).catch(() => undefined);
    await this.#message;
  }
}

function redactReport(report: Report, redact: Redact): Report {
  const all = (lines: readonly string[]): readonly string[] => lines.map(redact);
  return {
    ...report,
    summary: redact(report.summary),
    why: all(report.why),
    where: all(report.where),
    fix: all(report.fix),
    helm: all(report.helm),
    state: all(report.state),
    next: all(report.next),
    logs: report.logs.map((log) => ({ ...log, lines: all(log.lines) })),
  };
}
