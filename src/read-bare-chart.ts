import { readFile } from 'node:fs/promises';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { ReleaseName } from '../bundle-spec/names.ts';
import { unreadable } from '../bundle-spec/read-bundle.ts';
import type { Values } from '../bundle-spec/values-layer.ts';
import { readChart } from '../helm/charts/chart.ts';
import { parseSettings } from '../helm/gates/parse-settings.ts';
import { newestMinor } from '../helm/kubernetes-apis.ts';
import { applyEdits } from '../helm/overrides.ts';
import type { ValuesText } from '../helm/render.ts';
import { digestOf } from '../images/digest.ts';
import { parseReference } from '../images/reference.ts';
import { bareChartError } from './bare-chart-words.ts';
import { readChartAt } from './chart-sources/path.ts';
import type { ChartFlags } from './commands/chart-options.ts';
import type { FailedSource, Source } from './read-sources.ts';
import type { SurveyInput } from './survey-release.ts';

/**
 * A chart at a path, with the release that the flags describe. One that cannot be read is given with its error, and so are missing
 * dependencies: nothing is downloaded. Throws USAGE_INVALID, FILE_UNREADABLE and REFERENCE_INVALID for what the flags say.
 */
export async function readBareChart(
  path: string,
  flags: ChartFlags,
  options: { readonly signal: AbortSignal },
): Promise<Source | FailedSource> {
  const settings = await readFlags(flags, options);
  try {
    const bytes = await readChartAt(path, { folder: '.', ...options });
    const { name: chartName, version } = readChart(bytes, path);
    const name = flags.name ?? releaseName(chartName);
    const chart = { name: chartName, version, bytes, digest: digestOf(bytes) };
    const input: SurveyInput = { ...settings, name, namespace: flags.namespace ?? name, chart };
    return { name: path, input, isBare: true, unread: [] };
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    return { name: path, error: bareChartError(error, path) };
  }
}

async function readFlags(
  flags: ChartFlags,
  { signal }: { readonly signal: AbortSignal },
): Promise<Omit<SurveyInput, 'name' | 'namespace' | 'chart'>> {
  const {
    values = [],
    set = [],
    profile = [],
    kubeVersion = [newestMinor],
    apiVersions = [],
    path = [],
    ignore = [],
    extra = [],
  } = flags;
  checkName('--name', flags.name);
  checkName('--namespace', flags.namespace);
  for (const text of [...ignore, ...extra]) parseReference(text);
  const profiles = new Map<string, ValuesText[]>();
  for (const text of profile) {
    const [, name = '', file = ''] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (name === '') throw usage(`--profile ${text} is no name and file`, 'write it as --profile all=all.yaml');
    profiles.set(name, [...(profiles.get(name) ?? []), await readFileLayer(file, '--profile', signal)]);
  }
  const layers: ValuesText[] = [];
  for (const file of values) layers.push(await readFileLayer(file, '--values', signal));
  return {
    values: [...layers, ...set.map(readSetting)],
    profiles,
    kubernetes: [...new Set(kubeVersion.map(readKubeVersion))],
    apiVersions,
    paths: path,
    ignore,
    extra,
  };
}

async function readFileLayer(file: string, flag: string, signal: AbortSignal): Promise<ValuesText> {
  try {
    return { name: file, text: await readFile(file, { encoding: 'utf8', signal }) };
  } catch (cause) {
    signal.throwIfAborted();
    const { words, hint } = unreadable(cause);
    throw new BundleError('FILE_UNREADABLE', `${flag} ${file} cannot be read: ${words}`, { hint, cause });
  }
}

function readSetting(text: string): ValuesText {
  const edits = parseSettings(text);
  if (edits === undefined) throw usage(`--set ${text} sets nothing`, 'write it as --set image.tag=1.2, lists and maps as JSON');
  const none: Values = {};
  return { name: `--set ${edits.map(({ path }) => path.join('.')).join(',')}`, text: JSON.stringify(applyEdits(none, edits)) };
}

function readKubeVersion(text: string): string {
  const version = /^v?(1\.\d+(?:\.\d+)?)/.exec(text)?.[1];
  if (version === undefined) throw usage(`--kube-version ${text} is no version of Kubernetes`, 'write it as 1.34 or 1.34.2');
  return version;
}

function checkName(flag: string, name: string | undefined): void {
  if (name === undefined || ReleaseName.safeParse(name).success) return;
  throw usage(`${flag} ${name} is no such name`, 'lower-case letters, digits and "-", at most 53 of them');
}

/** A chart may have dots and upper-case letters in its name. */
function releaseName(chart: string): string {
  const name = chart.toLowerCase().replace(/[^a-z0-9-]+/g, '-');
  return name.slice(0, 53).replace(/^-+|-+$/g, '') || 'release';
}

function usage(message: string, hint: string): BundleError {
  return new BundleError('USAGE_INVALID', message, { hint });
}
