import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import type { BundleFile } from '../../images/bundle/bundle-reader.ts';
import { helmChartType } from '../../images/bundle/chart-artifact.ts';
import { parseManifest } from '../../images/manifest.ts';

/**
 * Writes the packed chart that a bundle holds to `file`, for helm to read; its bytes are hashed on the way. `chart` is the digest of
 * its OCI manifest. Throws BUNDLE_INVALID, BUNDLE_DAMAGED.
 */
export async function writeBundledChart(
  bundle: BundleFile,
  chart: Digest,
  file: string,
  options: { readonly signal: AbortSignal },
): Promise<void> {
  const manifest = parseManifest(await bundle.readBlob(chart, options), chart);
  const layer = 'layers' in manifest ? manifest.layers.find(({ mediaType }) => mediaType === helmChartType) : undefined;
  if (layer === undefined) throw new BundleError('BUNDLE_INVALID', `${bundle.path}: ${chart} is no chart`);
  await pipeline(bundle.streamBlob(layer.digest, options), createWriteStream(file), options);
}
