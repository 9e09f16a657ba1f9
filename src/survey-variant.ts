import type { Digest } from '../bundle-spec/names.ts';
import { standInDigests } from '../helm/digest-probe.ts';
import { type DiscoverOptions, discoverRelease } from '../helm/discover.ts';
import type { Discovery } from '../helm/discovery.ts';
import type { Helm } from '../helm/helm.ts';
import { type Rewrite, rewriteRelease } from '../helm/prove.ts';
import type { HelmRelease, ValuesText } from '../helm/render.ts';
import type { StoredDigests } from '../images/plan/stored-digests.ts';
import type { SurveyInput, SurveyOptions } from './survey-release.ts';

/** Stands for the registry behind the gap while a rewrite is proven on the connected side. */
const proofTarget = { host: 'registry.diolkos.invalid', prefix: '' };

/** One set of values of a release, with what its renders showed. */
export interface Variant {
  readonly discovery: Discovery;
  readonly rewrite: Rewrite;
  /** Digests that values decide wherever they stand: proven with others in their place. */
  readonly movable: ReadonlySet<Digest>;
}

/** What is laid on top of the values as deployed. */
export interface Layer {
  readonly profile?: string;
  readonly values: readonly ValuesText[];
  readonly apiVersions?: readonly string[];
  readonly kubernetes?: string;
}

/** What is surveyed, and where helm finds its chart. */
export interface SurveySource {
  readonly input: SurveyInput;
  /** Path of the packed chart. */
  readonly chart: string;
}

/** The release with a layer on top, discovered and proven. */
export async function surveyVariant(
  helm: Helm,
  source: SurveySource,
  layer: Layer | undefined,
  { signal }: Pick<SurveyOptions, 'signal'>,
): Promise<Variant> {
  const { profile, kubernetes } = layer ?? {};
  const common = { ...discoverOptions(source, layer), signal, ...(profile === undefined ? {} : { profile }) };
  const minors = kubernetes === undefined ? source.input.kubernetes : [kubernetes];
  const release = releaseWith(source, layer?.values ?? []);
  const discovery = await discoverRelease(helm, release, { ...common, kubernetes: minors });
  const prove = (digests: StoredDigests) =>
    rewriteRelease(helm, release, discovery, proofTarget, { ...common, digests, installedBy: 4 });
  const digests = standInDigests(discovery.rewrite);
  const rewrite = await prove(digests);
  if (isProven(rewrite, digests)) return { discovery, rewrite, movable: new Set(digests.keys()) };
  return { discovery, rewrite: await prove(new Map()), movable: new Set() };
}

/** Nothing is left, and nothing foreign is pinned by what stands in for a digest. */
function isProven({ leftovers, findings }: Rewrite, digests: StoredDigests): boolean {
  if (digests.size === 0) return true;
  const standIns = [...digests.values()];
  const isForeign = findings.some(({ message }) => standIns.some((digest) => message.includes(digest)));
  return !isForeign && leftovers.every(({ reason }) => reason === 'untagged');
}

/** The release of a survey as helm is asked to render it. */
export function releaseWith({ input, chart }: SurveySource, layers: readonly ValuesText[]): HelmRelease {
  return { name: input.name, namespace: input.namespace, chart, values: [...input.values, ...layers] };
}

/** What every render of a survey is asked with. */
export function discoverOptions(
  { input }: SurveySource,
  layer: Layer | undefined,
): Omit<DiscoverOptions, 'kubernetes' | 'signal'> & { readonly apiVersions: readonly string[] } {
  const { paths, ignore, extra, apiVersions = [] } = input;
  return { paths, ignore, extra, apiVersions: [...new Set([...apiVersions, ...(layer?.apiVersions ?? [])])] };
}
