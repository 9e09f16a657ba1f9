import { canonicalJson } from './canonical-json.ts';
import type { Descriptor } from './descriptor.ts';
import { digestOf } from './digest.ts';

/** Media types of Helm's charts in OCI registries (helm.sh/docs/topics/registries). */
export const helmConfigType = 'application/vnd.cncf.helm.config.v1+json';
export const helmChartType = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';

const manifestType = 'application/vnd.oci.image.manifest.v1+json';

/** A blob whose bytes are at hand. */
export interface HeldBlob {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** A chart as `helm push` would store it: a manifest that names the Chart.yaml as its config and the packed chart as its layer. */
export interface ChartArtifact {
  readonly manifest: HeldBlob;
  readonly config: HeldBlob;
  readonly layer: HeldBlob;
}

/**
 * Makes the OCI artifact of a chart. `metadata` is its Chart.yaml as a value, `packed` the `.tgz` as it travels. Unlike `helm push`
 * it carries no time of creation, so that the same chart is the same manifest.
 */
export function chartArtifact(metadata: Readonly<Record<string, unknown>>, packed: Buffer): ChartArtifact {
  const config = held(helmConfigType, canonicalJson(metadata));
  const layer = held(helmChartType, packed);
  const manifest = held(
    manifestType,
    canonicalJson({
      schemaVersion: 2,
      mediaType: manifestType,
      config: config.descriptor,
      layers: [layer.descriptor],
      annotations: {
        'org.opencontainers.image.title': String(metadata['name']),
        'org.opencontainers.image.version': String(metadata['version']),
      },
    }),
  );
  return { manifest, config, layer };
}

function held(mediaType: string, bytes: Buffer): HeldBlob {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}
