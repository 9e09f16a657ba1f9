import type { Finding } from '../bundle-spec/finding.ts';
import type { FoundReference } from '../helm/discovery.ts';
import { findFindings } from '../helm/findings.ts';
import { openGates } from '../helm/gates/open-gates.ts';
import type { Helm } from '../helm/helm.ts';
import { gatedPolicy } from './gated-policy.ts';
import { proveGates } from './prove-gates.ts';
import { redactFindings } from './redact-findings.ts';
import type { SurveyOptions } from './survey-release.ts';
import { discoverOptions, releaseWith, type SurveySource, surveyVariant, type Variant } from './survey-variant.ts';

/** Every variant of a release, and what stands behind its switches. */
export interface SurveyedVariants {
  readonly deployed: Variant;
  /** By name. */
  readonly profiles: ReadonlyMap<string, Variant>;
  readonly gated: readonly FoundReference[];
  readonly declared: readonly FoundReference[];
  /** Canonical references that `images.gated` takes and no scan profile shows. */
  readonly taken: ReadonlySet<string>;
  /** With gates open, so that each of `taken` is in one of them at least. */
  readonly opened: readonly Variant[];
  readonly findings: readonly Finding[];
  readonly renders: number;
}

/** Discovers and proves a release as deployed, with every scan profile, and behind its gates. Throws as `surveyRelease` does. */
export async function surveyVariants(helm: Helm, source: SurveySource, options: SurveyOptions): Promise<SurveyedVariants> {
  const { input } = source;
  const deployed = await surveyVariant(helm, source, undefined, options);
  const profiles = new Map<string, Variant>();
  for (const [profile, values] of input.profiles) {
    profiles.set(profile, await surveyVariant(helm, source, { profile, values }, options));
  }
  const { gated, declared, findings, renders } = await openAll(helm, source, deployed, options);
  const shown = new Set([...profiles.values()].flatMap(({ discovery }) => discovery.references.map((found) => found.reference)));
  const takes = gatedPolicy(input.gated ?? 'report');
  const toProve = gated.filter(({ reference }) => takes(reference) && !shown.has(reference));
  const opened = await proveGates(helm, source, toProve, options);
  const variants = [deployed, ...profiles.values()];
  return {
    deployed,
    profiles,
    gated,
    declared,
    taken: new Set(toProve.map(({ reference }) => reference)),
    opened,
    findings: redactFindings(
      [...findings, ...variants.flatMap(({ rewrite }) => rewrite.findings), ...(await findAll(helm, source, variants, options))],
      variants.map(({ discovery }) => discovery.values),
    ),
    renders: [...variants, ...opened].reduce((sum, one) => sum + one.discovery.renders + one.rewrite.renders, renders),
  };
}

async function openAll(
  helm: Helm,
  source: SurveySource,
  { discovery }: Variant,
  { gates, signal }: SurveyOptions,
): Promise<Awaited<ReturnType<typeof openGates>>> {
  if (!gates) return { gated: [], declared: discovery.dumped, findings: [], renders: 0 };
  const { kubernetes } = source.input;
  return openGates(helm, releaseWith(source, []), discovery, { ...discoverOptions(source, undefined), kubernetes, signal });
}

/** Of the values as deployed and of every profile. */
async function findAll(
  helm: Helm,
  source: SurveySource,
  variants: readonly Variant[],
  { signal }: SurveyOptions,
): Promise<Finding[]> {
  const layers = [[], ...source.input.profiles.values()];
  const { apiVersions = [], chart } = source.input;
  const found: Finding[] = [];
  for (const [index, { discovery }] of variants.entries()) {
    const release = releaseWith(source, layers[index] ?? []);
    found.push(...(await findFindings(helm, { release, discovery, chart: chart.bytes }, { apiVersions, signal })));
  }
  return found;
}
