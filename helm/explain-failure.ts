import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { nestedFiles } from './charts/nested-files.ts';
import { readEffectiveValues } from './effective-values.ts';
import type { Helm } from './helm.ts';
import { missingValues } from './placeholders/missing-values.ts';
import type { HelmRelease } from './render.ts';
import { formatPath } from './values-path.ts';

/**
 * A RENDER_FAILED that also names the values paths which the chart asks for, as far as its templates tell (one more run of helm). Any other
 * error, and one of which nothing more can be told, as it is.
 */
export async function explainFailure(
  helm: Helm,
  release: HelmRelease,
  error: unknown,
  options: { readonly signal: AbortSignal },
): Promise<unknown> {
  if (!(error instanceof BundleError) || error.code !== 'RENDER_FAILED') return error;
  const paths = await missingPaths(helm, release, reasonOf(error), options).catch(() => []);
  options.signal.throwIfAborted();
  if (paths.length === 0) return error;
  const [, inUse = ''] = /(; values in use: .*)$/.exec(error.hint ?? '') ?? [];
  const [some, more] = [paths.slice(0, 5).join(', '), paths.length > 5 ? ` and ${paths.length - 5} more` : ''];
  return new BundleError(error.code, error.message, {
    hint: `give ${some}${more} in the release’s "values"${inUse}`,
    cause: error,
  });
}

/** What a chart said, without the release and the version that it said it for. */
export function reasonOf({ message }: BundleError): string {
  return message.replace(/^release \S+ does not render for Kubernetes \S+: /, '');
}

async function missingPaths(
  helm: Helm,
  release: HelmRelease,
  reason: string,
  options: { readonly signal: AbortSignal },
): Promise<string[]> {
  const values = await readEffectiveValues(helm, release, options);
  const files = [...nestedFiles(await readFile(release.chart), basename(release.chart))];
  const groups = missingValues(reason, { files, values, filled: new Set() });
  return [...new Set(groups.flatMap(([first]) => (first === undefined ? [] : [formatPath(first.path)])))];
}
