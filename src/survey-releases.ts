import type { Bundle } from '../bundle-spec/bundle.ts';
import type { CarriedValuesLayer } from '../bundle-spec/values-layer.ts';
import type { Helm } from '../helm/helm.ts';
import { rewriteUnproven } from '../helm/leftovers.ts';
import type { ValuesText } from '../helm/render.ts';
import type { ReleaseInput } from './read-releases.ts';
import { type ReleaseSurvey, type SurveyInput, type SurveyOptions, surveyRelease } from './survey-release.ts';

/** The survey of every release, in the spec's order. Throws as `surveyRelease` does; what is not proven stays in `leftovers`. */
export async function surveyReleases(
  helm: Helm,
  spec: Bundle,
  releases: readonly ReleaseInput[],
  options: SurveyOptions,
): Promise<ReleaseSurvey[]> {
  const surveys: ReleaseSurvey[] = [];
  for (const release of releases) surveys.push(await surveyRelease(helm, surveyInput(spec, release), options));
  return surveys;
}

/** Throws REWRITE_UNPROVEN with everything that is left in any of the renders of any release. */
export function checkProven(surveys: readonly ReleaseSurvey[]): void {
  const leftovers = surveys.flatMap((survey) => survey.leftovers);
  if (leftovers.length > 0) throw rewriteUnproven(leftovers);
}

/** What a survey looks at, of a release of a spec. */
export function surveyInput({ target, images }: Bundle, { spec, chart, values, scan, paths }: ReleaseInput): SurveyInput {
  return {
    name: spec.name,
    namespace: spec.namespace.name,
    chart,
    values: knownTexts(values),
    profiles: new Map([...scan].map(([profile, layers]) => [profile, knownTexts(layers)])),
    kubernetes: target.kubernetes,
    apiVersions: target.apiVersions,
    paths,
    ignore: images.ignore,
    extra: images.extra,
    gated: images.gated,
  };
}

/** ConfigMaps and Secrets are read behind the gap, where the proof is made again with them. */
function knownTexts(layers: readonly CarriedValuesLayer[]): ValuesText[] {
  return layers.filter((layer) => 'text' in layer);
}
