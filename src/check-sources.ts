import { BundleError } from '../bundle-spec/bundle-error.ts';
import { count } from './print-table.ts';
import type { FailedSource } from './read-sources.ts';

/**
 * Throws the error of the one that failed; of several the first one's code, with every message and hint; a bug before all else. For the end,
 * when what did not fail is printed.
 */
export function checkSources(results: readonly (FailedSource | object)[]): void {
  const failed = results.filter((result): result is FailedSource => 'error' in result);
  const [first] = failed;
  if (first === undefined) return;
  const bug = failed.find(({ error }) => !(error instanceof BundleError));
  if (bug !== undefined || failed.length === 1) throw (bug ?? first).error;
  const code = first.error instanceof BundleError ? first.error.code : 'RENDER_FAILED';
  throw new BundleError(code, `${count(failed.length, 'chart')} failed:\n${failed.map(describe).join('\n')}`);
}

function describe({ name, error }: FailedSource): string {
  const title = error.message.startsWith(`${name}: `) ? '' : `${name}: `;
  if (!(error instanceof BundleError)) return `  ${title}${error.message}`;
  return `  ${title}${error.message} [${error.code}]${error.hint === undefined ? '' : `\n    hint: ${error.hint}`}`;
}
