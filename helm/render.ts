import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Values } from '../bundle-spec/values-layer.ts';
import type { Helm } from './helm.ts';
import { apisOf } from './kubernetes-apis.ts';
import { renderFailed } from './render-failure.ts';
import { splitValuesDocuments } from './values-documents.ts';

/**
 * One values layer as text, given to helm unchanged. `name` is what errors call it. Several YAML documents in it are merged in order, by both
 * majors: Helm 3, which reads only the first of a file, gets one file a document.
 */
export interface ValuesText {
  readonly name: string;
  readonly text: string;
}

/** What helm is asked to render or install. */
export interface HelmRelease {
  readonly name: string;
  readonly namespace: string;
  /** Path of a packed chart (`.tgz`). */
  readonly chart: string;
  /** In order of precedence: a later layer wins. */
  readonly values: readonly ValuesText[];
}

/** What a render depends on beside the release. */
export interface RenderOptions {
  /** Minor or version that the chart sees as the cluster's, with the API versions and kinds that it serves: `1.36`. */
  readonly kubernetes: string;
  /** The chart sees the kinds that the cluster serves too (`v1/Secret`), which plain `helm template` does not tell. Default true. */
  readonly kinds?: boolean;
  /** API versions the chart sees beside those of Kubernetes and those that helm knows: `monitoring.coreos.com/v1`. Default none. */
  readonly apiVersions?: readonly string[];
  /** Render although the chart's `values.schema.json` refuses the values, as a probe does. Default false. */
  readonly skipSchemaValidation?: boolean;
  /** CRDs from `crds/` folders too, which no value changes. Default true. */
  readonly includeCrds?: boolean;
  /** Values that win over all layers. Default none. */
  readonly extraValues?: Values;
  readonly signal: AbortSignal;
}

/**
 * What `helm template` prints for a release: CRDs, hooks and tests included. Values go through files that only this user can read and that are
 * removed again. Throws RENDER_FAILED with the chart's own reason, HELM_MISSING.
 */
export async function renderManifests(helm: Helm, release: HelmRelease, options: RenderOptions): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-values-'));
  try {
    const layers = await writeValues(folder, layersFor(helm, release.values), options.extraValues);
    const result = await helm.run(templateArguments(release, layers, options), { signal: options.signal, graceMs: 200 });
    if (result.exitCode === 0) return result.stdout;
    const stderr = layers.reduce((text, layer) => text.replaceAll(layer.path, layer.name), result.stderr);
    throw renderFailed({
      release: release.name,
      kubernetes: options.kubernetes,
      layers: release.values.map((layer) => layer.name),
      stderr,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function layersFor(helm: Helm, values: readonly ValuesText[]): readonly ValuesText[] {
  if (helm.major !== 3) return values;
  return values.flatMap(({ name, text }) => splitValuesDocuments(text, name).map((document) => ({ name, text: document })));
}

interface WrittenLayer {
  readonly name: string;
  readonly path: string;
}

async function writeValues(folder: string, values: readonly ValuesText[], extra: Values | undefined): Promise<WrittenLayer[]> {
  // JSON is YAML, and every string of it stays one.
  const layers = extra === undefined ? values : [...values, { name: 'generated values', text: JSON.stringify(extra) }];
  const written = layers.map((layer, index) => ({ ...layer, path: join(folder, `${index}.yaml`) }));
  for (const { path, text } of written) await writeFile(path, text, { mode: 0o600, flag: 'wx' });
  return written;
}

function shownApis({ kubernetes, kinds = true }: RenderOptions): readonly string[] {
  return apisOf(kubernetes).filter((api) => kinds || !/\/[A-Z]\w*$/.test(api));
}

function templateArguments(release: HelmRelease, layers: readonly WrittenLayer[], options: RenderOptions): string[] {
  return [
    'template',
    release.name,
    resolve(release.chart),
    `--namespace=${release.namespace}`,
    ...(options.includeCrds === false ? [] : ['--include-crds']),
    // A bare minor would reach charts as "v1.36", and those that make a tag of it name an image that does not exist.
    `--kube-version=${/^\d+\.\d+$/.test(options.kubernetes) ? `${options.kubernetes}.0` : options.kubernetes}`,
    ...[...shownApis(options), ...(options.apiVersions ?? [])].map((version) => `--api-versions=${version}`),
    ...(options.skipSchemaValidation === true ? ['--skip-schema-validation'] : []),
    ...layers.flatMap((layer) => ['--values', layer.path]),
  ];
}
