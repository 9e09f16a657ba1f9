import type { Finding } from '../bundle-spec/finding.ts';
import { discoverRelease } from '../helm/discover.ts';
import type { Discovery, FoundReference } from '../helm/discovery.ts';
import type { Helm } from '../helm/helm.ts';
import { type Rewrite, rewriteRelease } from '../helm/prove.ts';
import type { HelmRelease } from '../helm/render.ts';
import { gatedPolicy } from './gated-policy.ts';
import type { SurveyInput, SurveyOptions } from './survey-release.ts';

/** Stands for the registry behind the gap while a rewrite is proven on the connected side. */
const proofTarget = { host: 'registry.diolkos.invalid', prefix: '' };

/** One set of values of a release, with what its renders showed. */
export interface Variant {
  /** `profile <name>` of the scan profile; absent for the values as deployed. */
  readonly gate?: string;
  readonly discovery: Discovery;
  readonly rewrite: Rewrite;
}

/** Every variant of a release, and what stands behind its switches. */
export interface SurveyedVariants {
  readonly variants: readonly Variant[];
  readonly gated: readonly FoundReference[];
  readonly declared: readonly FoundReference[];
  readonly findings: readonly Finding[];
  /** `images.gated`, for a canonical reference. */
  readonly takes: (reference: string) => boolean;
  readonly renders: number;
}

interface Source {
  readonly input: SurveyInput;
  /** Path of the packed chart. */
  readonly chart: string;
}

/** Discovers and proves a release as deployed and with every scan profile on top. Throws as `discoverRelease` does. */
export async function surveyVariants(helm: Helm, source: Source, options: SurveyOptions): Promise<SurveyedVariants> {
  const { input } = source;
  const variants = [await surveyVariant(helm, source, undefined, options)];
  for (const profile of input.profiles.keys()) variants.push(await surveyVariant(helm, source, profile, options));
  return {
    variants,
    gated: [],
    declared: [],
    findings: [],
    takes: gatedPolicy(input.gated ?? 'report'),
    renders: variants.reduce((sum, { discovery, rewrite }) => sum + discovery.renders + rewrite.renders, 0),
  };
}

async function surveyVariant(
  helm: Helm,
  { input, chart }: Source,
  profile: string | undefined,
  { signal }: SurveyOptions,
): Promise<Variant> {
  const { name, namespace, kubernetes, apiVersions = [], paths, ignore, extra } = input;
  const layers = profile === undefined ? [] : (input.profiles.get(profile) ?? []);
  const release: HelmRelease = { name, namespace, chart, values: [...input.values, ...layers] };
  const common = { ignore, extra, apiVersions, signal, ...(profile === undefined ? {} : { profile }) };
  const discovery = await discoverRelease(helm, release, { ...common, kubernetes, paths });
  const rewrite = await rewriteRelease(helm, release, discovery, proofTarget, { ...common, installedBy: 4 });
  return { ...(profile === undefined ? {} : { gate: `profile ${profile}` }), discovery, rewrite };
}
