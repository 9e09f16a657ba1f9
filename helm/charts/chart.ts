import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';
import { isMap } from '../values-path.ts';
import { type ChartFiles, readArchive } from './chart-archive.ts';
import { satisfiesRange } from './version-range.ts';

/** What a chart says another chart has to be. `version` is a range; empty for any. */
export interface ChartDependency {
  readonly name: string;
  readonly version: string;
  readonly repository?: string;
  readonly alias?: string;
}

/** A chart whose dependencies are in place. */
export interface Chart {
  readonly name: string;
  readonly version: string;
  readonly appVersion?: string;
  /** Chart.yaml as a value, all fields kept. */
  readonly metadata: { readonly name: string; readonly version: string; readonly [field: string]: unknown };
  readonly dependencies: readonly ChartDependency[];
  /** Dependencies that `charts/` holds in another version than Chart.yaml asks for, which helm deploys all the same: `sub ~1 (found 2.0.0)`. */
  readonly otherVersions: readonly string[];
}

/**
 * Reads a packed chart of apiVersion v1 or v2. `name` is what errors call it. Throws CHART_INVALID for what helm would not load,
 * and CHART_DEPENDENCIES_MISSING when `charts/` lacks a dependency. Of a dependency helm compares the name alone.
 */
export function readChart(tgz: Buffer, name: string): Chart {
  const files = readArchive(tgz, name);
  const metadata = readMetadata(files, name);
  const dependencies = readDependencies(files, metadata, name);
  const present = subcharts(files, name);
  checkDependencies(dependencies, present, name);
  const { appVersion } = metadata;
  return {
    name: metadata.name,
    version: metadata.version,
    ...(appVersion === undefined || appVersion === null ? {} : { appVersion: String(appVersion) }),
    metadata,
    dependencies,
    otherVersions: dependencies.flatMap((dependency) => otherVersion(dependency, present.get(dependency.name) ?? [])),
  };
}

/** The Chart.yaml among `files`. Throws CHART_INVALID when it is missing, unreadable, or of an apiVersion that is not v1 or v2. */
export function readMetadata(files: ChartFiles, name: string): Chart['metadata'] {
  const metadata = readMap(files, 'Chart.yaml', name);
  if (metadata === undefined) throw invalid(name, 'it has no Chart.yaml');
  const { apiVersion = 'v1', version } = metadata;
  if (apiVersion !== 'v1' && apiVersion !== 'v2') {
    const hint = 'charts of apiVersion v1 and v2 are supported; "v3" is an experiment of Helm 4';
    throw new BundleError('CHART_INVALID', `${name}: Chart.yaml has apiVersion ${JSON.stringify(apiVersion)}`, { hint });
  }
  if (typeof metadata.name !== 'string' || !/^[\w.-]+$/.test(metadata.name))
    throw invalid(name, 'Chart.yaml has no usable "name"');
  // `version: 1.0` is a number to YAML, and helm refuses it as it refuses no version at all.
  if (typeof version !== 'string' || version === '') throw invalid(name, 'Chart.yaml has no "version", or none in quotes');
  return { ...metadata, name: metadata.name, version };
}

function readDependencies(files: ChartFiles, metadata: Chart['metadata'], name: string): ChartDependency[] {
  const list = metadata.dependencies ?? readMap(files, 'requirements.yaml', name)?.dependencies ?? [];
  if (!Array.isArray(list)) throw invalid(name, '"dependencies" is no list');
  return list.filter(isMap).map((entry) => ({
    name: String(entry.name),
    version: String(entry.version ?? ''),
    ...(typeof entry.repository === 'string' && entry.repository !== '' ? { repository: entry.repository } : {}),
    ...(typeof entry.alias === 'string' && entry.alias !== '' ? { alias: entry.alias } : {}),
  }));
}

/** Name and versions of what lies in `charts/`: folders and packed charts. Names that begin with `_` or `.` are no charts to helm. */
function subcharts(files: ChartFiles, name: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const add = (metadata: Chart['metadata']): void => {
    found.set(metadata.name, [...(found.get(metadata.name) ?? []), metadata.version]);
  };
  for (const [path, body] of files) {
    const [, packed] = /^charts\/([^_./][^/]*\.tgz)$/.exec(path) ?? [];
    if (packed !== undefined) add(readMetadata(readArchive(body, `${name}: ${path}`), `${name}: ${path}`));
    const [, folder] = /^charts\/([^_./][^/]*)\/Chart\.yaml$/.exec(path) ?? [];
    if (folder !== undefined) add(readMetadata(new Map([['Chart.yaml', body]]), `${name}: charts/${folder}`));
  }
  return found;
}

function checkDependencies(dependencies: readonly ChartDependency[], present: ReadonlyMap<string, string[]>, name: string): void {
  const missing = dependencies.filter((dependency) => !present.has(dependency.name));
  if (missing.length === 0) return;
  throw new BundleError('CHART_DEPENDENCIES_MISSING', `${name}: charts/ lacks ${missing.map(formatDependency).join('; ')}`, {
    hint: 'run "helm dependency build" on the chart and try again',
  });
}

function otherVersion(dependency: ChartDependency, present: readonly string[]): string[] {
  const { version } = dependency;
  if (version === '' || present.some((found) => satisfiesRange(found, version))) return [];
  return [`${formatDependency(dependency)} (found ${present.join(', ')})`];
}

function formatDependency({ name, version }: ChartDependency): string {
  return version === '' ? name : `${name} ${version}`;
}

function readMap(files: ChartFiles, path: string, name: string): Readonly<Record<string, unknown>> | undefined {
  const body = files.get(path);
  if (body === undefined) return undefined;
  let value: unknown;
  try {
    [value] = parseYaml11(body.toString('utf8'), path);
  } catch (cause) {
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split('\n'); // the lines after it draw the place
    throw new BundleError('CHART_INVALID', `${name}: ${path} is no YAML: ${reason}`, {
      hint: 'a chart from version control may need its release tooling first; take a packaged chart',
      cause,
    });
  }
  if (!isMap(value)) throw invalid(name, `${path} is no mapping`);
  return value;
}

function invalid(name: string, why: string): BundleError {
  return new BundleError('CHART_INVALID', `${name} is no chart: ${why}`, {
    hint: 'give a chart directory, or a .tgz made by "helm package"',
  });
}
