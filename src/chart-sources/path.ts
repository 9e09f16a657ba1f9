import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { packChart } from '../../helm/charts/package-chart.ts';

/**
 * The packed chart at a path: a directory is packed with zero times, a `.tgz` is taken byte for byte.
 * Throws CHART_NOT_FOUND, CHART_INVALID.
 */
export async function readChartAt(
  path: string,
  options: { readonly folder: string; readonly signal: AbortSignal },
): Promise<Buffer> {
  const file = resolve(options.folder, path);
  try {
    if ((await stat(file)).isDirectory()) return await packChart(file, { signal: options.signal });
    return await readFile(file, { signal: options.signal });
  } catch (cause) {
    if (cause instanceof BundleError) throw cause;
    options.signal.throwIfAborted();
    throw new BundleError('CHART_NOT_FOUND', `there is no chart at ${path}`, {
      hint: `chart.path is a directory with a Chart.yaml or a packed .tgz, relative to the spec; looked for ${file}`,
      cause,
    });
  }
}
