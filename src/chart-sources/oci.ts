import type { Chart } from '../../bundle-spec/bundle.ts';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { helmChartType } from '../../images/bundle/chart-artifact.ts';
import { parseManifest } from '../../images/manifest.ts';
import { parseReference } from '../../images/reference.ts';
import type { SpecRegistries } from '../spec-registries.ts';

type OciChart = Extract<Chart, { oci: string }>;

const chartLimit = 64 << 20;

/**
 * The packed chart from an OCI registry, reached as `sources.images` says. A `+` of the version is `_` in the tag, as Helm has it.
 * Throws CHART_NOT_FOUND, CHART_INVALID when the tag names something else, REGISTRY_*.
 */
export async function pullChart(
  { oci, version }: OciChart,
  { registries, signal }: { readonly registries: SpecRegistries; readonly signal: AbortSignal },
): Promise<Buffer> {
  const tag = version.replaceAll('+', '_');
  const { registry, repository } = registries.locate(parseReference(`${oci.slice('oci://'.length)}:${tag}`));
  try {
    const { descriptor, bytes } = await registry.fetchManifest(repository, tag, { signal });
    const layer = chartLayer(bytes, descriptor.digest);
    if (layer === undefined) {
      throw new BundleError('CHART_INVALID', `${oci}:${version} is no Helm chart`, { hint: 'an image travels by images.extra' });
    }
    return await registry.fetchBlob(repository, layer, { limit: chartLimit, signal });
  } catch (error) {
    if (!(error instanceof BundleError) || error.code !== 'REGISTRY_NOT_FOUND') throw error;
    throw new BundleError('CHART_NOT_FOUND', `there is no chart ${oci}:${version}`, {
      hint: error.hint ?? error.message,
      cause: error,
    });
  }
}

function chartLayer(bytes: Buffer, digest: `sha256:${string}`) {
  const manifest = parseManifest(bytes, digest);
  return 'layers' in manifest ? manifest.layers.find(({ mediaType }) => mediaType === helmChartType) : undefined;
}
