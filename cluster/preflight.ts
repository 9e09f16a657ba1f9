import type { ErrorCode } from '../bundle-spec/bundle-error.ts';
import { ExplainedError } from './report.ts';

/** Something that has to be mended before an install can succeed. */
export interface Problem {
  readonly code: ErrorCode;
  /** What is wrong, on which object. */
  readonly message: string;
  /** More of it, one line each. */
  readonly details?: readonly string[];
  /** The command or line that mends it. */
  readonly fix: string;
  readonly where?: string;
}

/** Throws nothing for no problems, the problem itself if it is the only one, PREFLIGHT_FAILED with all of them otherwise. */
export function throwProblems(problems: readonly Problem[]): void {
  const [first, ...rest] = problems;
  if (first === undefined) return;
  const findings = {
    why: problems.flatMap(({ message, details = [] }) => [message, ...details]),
    where: [...new Set(problems.flatMap(({ where }) => where ?? []))],
    fix: [...new Set(problems.map(({ fix }) => fix))],
    state: ['nothing was changed'],
  };
  if (rest.length === 0) throw new ExplainedError(first.code, first.message, { findings });
  throw new ExplainedError('PREFLIGHT_FAILED', `${problems.length} problems, the first: ${first.message}`, { findings });
}
