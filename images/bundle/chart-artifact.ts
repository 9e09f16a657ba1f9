import { canonicalJson } from '../canonical-json.ts';
import type { HeldDocument } from '../descriptor.ts';
import { digestOf } from '../digest.ts';
import { ociManifestType } from '../media-types.ts';

/** Media types of Helm's charts in OCI registries (helm.sh/docs/topics/registries). */
export const helmConfigType = 'application/vnd.cncf.helm.config.v1+json';
export const helmChartType = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';

/** A chart as `helm push` would store it: a manifest that names the Chart.yaml as its config and the packed chart as its layer. */
export interface ChartArtifact {
  readonly manifest: HeldDocument;
  readonly config: HeldDocument;
  readonly layer: HeldDocument;
}

/** Chart.yaml as a value; only the two fields that name the chart are looked at. */
export interface ChartMetadata {
  readonly name: string;
  readonly version: string;
  readonly [field: string]: unknown;
}

/**
 * Makes the OCI artifact of a chart. `packed` is the `.tgz` as it travels. Unlike `helm push`
 * it carries no time of creation, so that the same chart is the same manifest.
 */
export function chartArtifact(metadata: ChartMetadata, packed: Buffer): ChartArtifact {
  const config = held(helmConfigType, canonicalJson(metadata));
  const layer = held(helmChartType, packed);
  const manifest = held(
    ociManifestType,
    canonicalJson({
      schemaVersion: 2,
      mediaType: ociManifestType,
      config: config.descriptor,
      layers: [layer.descriptor],
      annotations: {
        'org.opencontainers.image.title': metadata.name,
        'org.opencontainers.image.version': metadata.version,
      },
    }),
  );
  return { manifest, config, layer };
}

function held(mediaType: string, bytes: Buffer): HeldDocument {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}
