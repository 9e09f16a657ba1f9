import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { parseYaml11 } from '../bundle-spec/located-yaml.ts';
import type { Values } from '../bundle-spec/values-layer.ts';
import { type ChartFiles, readArchive, writeArchive } from './charts/chart-archive.ts';
import type { Helm } from './helm.ts';
import { type HelmRelease, renderManifests } from './render.ts';
import { isMap } from './values-path.ts';

// base64, because a value may hold anything that YAML would read in another way.
const printer = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: values}\ndata: {values: "{{ .Values | toJson | b64enc }}"}\n';

export interface ValuesOptions {
  /** Values of subcharts too that a condition or tag leaves out. Default false. */
  readonly everySubchart?: boolean;
  readonly signal: AbortSignal;
}

/**
 * The values that a release's templates see, from helm itself: chart defaults, layers, subcharts, aliases, conditions, globals, imports.
 * They depend on neither the cluster's version nor its APIs. Throws RENDER_FAILED, CHART_INVALID.
 */
export async function readEffectiveValues(helm: Helm, release: HelmRelease, options: ValuesOptions): Promise<Values> {
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-chart-'));
  try {
    const chart = join(folder, 'chart.tgz');
    await writeFile(chart, valuesPrinter(await readFile(release.chart), basename(release.chart), options));
    const stream = await renderManifests(
      helm,
      { ...release, chart },
      { kubernetes: anyKubernetes, skipSchemaValidation: true, signal: options.signal },
    );
    return parseValues(stream, release.name);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

// The copy's Chart.yaml asks for no version, so any will do.
const anyKubernetes = '1.36';

/** A copy of a packed chart that renders its values and nothing else. */
function valuesPrinter(tgz: Buffer, name: string, options: Pick<ValuesOptions, 'everySubchart'> = {}): Buffer {
  const files = new Map(bareChart(readArchive(tgz, name), name, options.everySubchart === true));
  files.set('templates/values.yaml', Buffer.from(printer));
  return writeArchive('chart', files);
}

/** What decides about values: metadata, defaults and dependencies, of subcharts too, packed or not. */
function bareChart(files: ChartFiles, name: string, everySubchart: boolean): ChartFiles {
  const bare = new Map<string, Buffer>();
  for (const [path, body] of files) {
    if (/^(?:charts\/[^/]+\/)*charts\/[^/]+\.tgz$/.test(path)) {
      const inner = `${name}: ${path}`;
      bare.set(path, writeArchive('chart', bareChart(readArchive(body, inner), inner, everySubchart)));
    } else if (/^(?:charts\/[^/]+\/)*Chart\.yaml$/.test(path)) {
      bare.set(path, withoutConditions(withoutKubeVersion(body), everySubchart));
    } else if (/^(?:charts\/[^/]+\/)*requirements\.yaml$/.test(path)) bare.set(path, withoutConditions(body, everySubchart));
    else if (/^(?:charts\/[^/]+\/)*values\.yaml$/.test(path)) bare.set(path, body);
  }
  return bare;
}

function withoutKubeVersion(chartYaml: Buffer): Buffer {
  return Buffer.from(chartYaml.toString('utf8').replace(/^kubeVersion:.*(?:\n[ \t]+.*)*$/m, ''));
}

/** The metadata without what leaves a dependency out, as JSON, which is YAML. */
function withoutConditions(metadata: Buffer, everySubchart: boolean): Buffer {
  const [value] = everySubchart ? parseYaml11(metadata.toString('utf8'), 'Chart.yaml') : [];
  if (!isMap(value) || !Array.isArray(value.dependencies)) return metadata;
  const dependencies = value.dependencies.filter(isMap).map(({ condition: _, tags: __, ...dependency }) => dependency);
  return Buffer.from(JSON.stringify({ ...value, dependencies }));
}

function parseValues(stream: string, release: string): Values {
  const encoded = /values: "([A-Za-z0-9+/=]*)"/.exec(stream)?.[1];
  const values: unknown = encoded === undefined ? undefined : JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'));
  if (isMap(values)) return values;
  throw new BundleError('RENDER_FAILED', `helm printed no values for release ${release}`, {
    hint: 'check that "helm template" of the chart works',
  });
}
