import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Bundle } from '../bundle-spec/bundle.ts';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Finding } from '../bundle-spec/finding.ts';
import type { CarriedValuesLayer } from '../bundle-spec/values-layer.ts';
import type { StoredDigests } from '../images/plan/stored-digests.ts';
import { formatReference, parseReference } from '../images/reference.ts';
import type { ChartFlags } from './commands/chart-options.ts';
import { openArchives, withArchives } from './open-archives.ts';
import { readBareChart } from './read-bare-chart.ts';
import { readReleases } from './read-releases.ts';
import { readSpec } from './read-spec.ts';
import { openSpecRegistries } from './spec-registries.ts';
import type { SurveyInput } from './survey-release.ts';
import { surveyInput } from './survey-releases.ts';

/** One release to look at: of a spec, or made for a chart that was given alone. */
export interface Source {
  /** What messages call it: the release of a spec, the path of a chart. */
  readonly name: string;
  readonly input: SurveyInput;
  /** A chart was given, no spec: what to add is a flag, no line of a spec. */
  readonly isBare: boolean;
  /** Layers of values that only the cluster knows: `Secret shop-values`. They are left out. */
  readonly unread: readonly string[];
  /** Of a bundle: what it stores for digests that values decide. Default none. */
  readonly digests?: StoredDigests;
}

/** A chart that cannot be read; the others are looked at all the same. */
export interface FailedSource {
  readonly name: string;
  /** Absent where it is not even read. */
  readonly source?: Source;
  /** A BundleError, or a bug. */
  readonly error: Error;
  /** VALUE_MISSING for what placeholders filled before it failed all the same. Default none. */
  readonly findings?: readonly Finding[];
}

/** What the arguments of a command name. */
export interface Sources {
  readonly sources: readonly (Source | FailedSource)[];
  /** `images.extra` and `--extra`, canonical. */
  readonly extra: readonly string[];
}

/**
 * What the arguments of a command name: the releases of one spec, or charts (a folder, or a `.tgz`) rendered as the flags say, for which no
 * network is used. A chart that cannot be read is an entry with its error. Throws USAGE_INVALID, and as `readSpec` and `readReleases` do.
 */
export async function readSources(
  names: readonly string[],
  flags: ChartFlags,
  options: { readonly signal: AbortSignal },
): Promise<Sources> {
  const kinds = await Promise.all(names.map(kindOf));
  const [first = ''] = names;
  if (kinds.includes('bundle')) throw notHere(first);
  if (!kinds.includes('spec')) return await readCharts(names, flags, options);
  if (names.length > 1) {
    throw new BundleError('USAGE_INVALID', `${names[kinds.indexOf('spec')]} is a spec, and a spec is given alone`, {
      hint: 'give one spec, or one or several charts (folders with a Chart.yaml, or .tgz files)',
    });
  }
  checkNoChartFlags(first, flags);
  return await readSpecSources(first, options);
}

/** By its name, and where that says nothing, by what it is. */
export async function kindOf(name: string): Promise<'spec' | 'chart' | 'bundle'> {
  if (/\.ya?ml$/i.test(name)) return 'spec';
  if (/\.(?:tgz|tar\.gz)$/i.test(name)) return 'chart';
  if (/\.tar(?:\.\d{3,4}|\.parts\.json)?$/i.test(name)) return 'bundle';
  const found = await stat(name).catch(() => undefined);
  return found?.isFile() === true ? 'spec' : 'chart';
}

/** Throws USAGE_INVALID for flags of charts beside a spec or a bundle, which say the same themselves. */
export function checkNoChartFlags(name: string, flags: ChartFlags): void {
  const given = flagsOfCharts.filter(([key]) => flags[key] !== undefined);
  if (given.length === 0) return;
  const wrong = given.map(([, flag]) => flag).join(', ');
  throw new BundleError('USAGE_INVALID', `${wrong} ${given.length === 1 ? 'is' : 'are'} for charts, and ${name} is none`, {
    hint: `${name} says it itself: ${given.map(([, , field]) => field).join(', ')}`,
  });
}

const flagsOfCharts = [
  ['values', '--values', 'releases[].values'],
  ['set', '--set', 'releases[].values[].inline'],
  ['profile', '--profile', 'releases[].scan'],
  ['kubeVersion', '--kube-version', 'target.kubernetes'],
  ['apiVersions', '--api-versions', 'target.kubernetes'],
  ['namespace', '--namespace', 'releases[].namespace'],
  ['name', '--name', 'releases[].name'],
  ['path', '--path', 'images.paths'],
  ['ignore', '--ignore', 'images.ignore'],
  ['extra', '--extra', 'images.extra'],
] as const satisfies readonly (readonly [keyof ChartFlags, string, string])[];

async function readSpecSources(file: string, options: { readonly signal: AbortSignal }): Promise<Sources> {
  const folder = dirname(file);
  const spec = await withArchiveNames(await readSpec(file, options), { folder, ...options });
  // On stderr: what is asked for goes to stdout.
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const registries = await openSpecRegistries(spec.sources, { folder, say, ...options });
  try {
    const releases = await readReleases(spec, { folder, registries, ...options });
    return {
      sources: releases.map((release) => ({
        name: release.spec.name,
        input: surveyInput(spec, release),
        isBare: false,
        unread: unreadLayers(release.values),
      })),
      extra: canonical(spec.images.extra),
    };
  } finally {
    await registries.close();
  }
}

/** What travels from archives is told by name, so they have to be there. */
async function withArchiveNames(
  spec: Bundle,
  options: { readonly folder: string; readonly signal: AbortSignal },
): Promise<Bundle> {
  const archives = await openArchives(spec.images.archives, options);
  await archives.close();
  return withArchives(spec, archives);
}

/** The ConfigMaps and Secrets among layers of values. */
export function unreadLayers(layers: readonly CarriedValuesLayer[]): string[] {
  return layers.flatMap((layer) => {
    if ('text' in layer) return [];
    return 'secret' in layer ? [`Secret ${layer.secret.name}`] : [`ConfigMap ${layer.configMap.name}`];
  });
}

async function readCharts(
  names: readonly string[],
  flags: ChartFlags,
  options: { readonly signal: AbortSignal },
): Promise<Sources> {
  if (names.length > 1 && flags.name !== undefined) {
    throw new BundleError('USAGE_INVALID', `--name names one release, and ${names.length} charts are given`, {
      hint: 'give one chart, or leave --name out: releases are then called like their charts',
    });
  }
  const extra = canonical(flags.extra ?? []);
  const sources: (Source | FailedSource)[] = [];
  for (const name of names) sources.push(await readBareChart(name, flags, options));
  return { sources, extra };
}

function canonical(references: readonly string[]): string[] {
  return [...new Set(references.map((text) => formatReference(parseReference(text))))].sort();
}

function notHere(name: string): BundleError {
  return new BundleError('USAGE_INVALID', `${name} is a bundle: its images are known`, {
    hint: `"diolkos inspect ${name}" lists them; give a spec or charts here`,
  });
}
