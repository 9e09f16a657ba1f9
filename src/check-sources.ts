import { BundleError } from '../bundle-spec/bundle-error.ts';
import { count } from './print-table.ts';
import type { FailedSource } from './read-sources.ts';

/** Throws the error of the one that failed; of several the first one's code, with every message and hint. For the end, when the others are printed. */
export function checkSources(results: readonly (FailedSource | object)[]): void {
  const failed = results.filter((result): result is FailedSource => 'error' in result);
  const [first] = failed;
  if (first === undefined) return;
  if (failed.length === 1) throw first.error;
  const lines = failed.map(({ name, error }) => {
    const hint = error.hint === undefined ? '' : `\n    hint: ${error.hint}`;
    return `  ${name}: ${error.message} [${error.code}]${hint}`;
  });
  throw new BundleError(first.error.code, `${count(failed.length, 'chart')} failed:\n${lines.join('\n')}`);
}
