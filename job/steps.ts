import type { PhaseWords } from './reporter.ts';
import type { Run } from './run.ts';
import { install } from './steps/install.ts';
import { preflight } from './steps/preflight.ts';
import { push } from './steps/push.ts';
import { record } from './steps/record.ts';
import { rewrite } from './steps/rewrite.ts';
import { verify } from './steps/verify.ts';

/** One step of the Job. Each may be run again after it was cut off anywhere. */
export interface Step {
  readonly name: string;
  /** What to say when the pod is killed in it. */
  readonly words: PhaseWords;
  readonly run: (run: Run) => Promise<void>;
}

const untouched: PhaseWords = { state: ['nothing was changed'], next: ['run the Job again'] };

/** What the Job does, in order. Nothing is changed before `push`, nothing in the application's namespaces before `install`. */
export const steps: readonly Step[] = [
  { name: 'verify', words: untouched, run: verify },
  { name: 'rewrite', words: untouched, run: rewrite },
  { name: 'preflight', words: untouched, run: preflight },
  {
    name: 'push',
    words: {
      state: ['nothing was installed or upgraded; what was pushed stays'],
      next: ['run the Job again: it continues, and what was pushed is not sent again'],
    },
    run: push,
  },
  {
    name: 'install',
    words: { state: ['no release was touched yet'], next: ['run the Job again'] },
    run: install,
  },
  {
    name: 'record',
    words: { state: ['all releases are deployed; only the record is missing'], next: ['run the Job again to write it'] },
    run: record,
  },
];
