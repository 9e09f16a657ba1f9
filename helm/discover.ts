import { assembleDiscovery } from './assemble-discovery.ts';
import { type BaseRender, checkPodImages, readBase } from './base-render.ts';
import { type ProbedDigests, probeDigests, uniteDigests } from './digest-probe.ts';
import type { Discovery } from './discovery.ts';
import { readEffectiveValues } from './effective-values.ts';
import type { Helm } from './helm.ts';
import { candidatesAt } from './image-shapes.ts';
import type { Control } from './judge-probe.ts';
import type { FixedRewrite } from './overrides.ts';
import { probeBase } from './probe-base.ts';
import { extraReferences, ignoredReferences } from './references/ignored-references.ts';
import type { HelmRelease } from './render.ts';
import { openSession } from './render-session.ts';
import { parsePath } from './values-path.ts';

export interface DiscoverOptions {
  /** Minors to render for, at least one. */
  readonly kubernetes: readonly string[];
  /** `images.paths` of the spec for this release, in helm's `--set` syntax. */
  readonly paths: readonly string[];
  /** `images.ignore` of the spec. */
  readonly ignore: readonly string[];
  /** `images.extra` of the spec: they tell the tag of references that a render shows without one. Default none. */
  readonly extra?: readonly string[];
  /** API versions that the charts see beside those that helm knows. Default none. */
  readonly apiVersions?: readonly string[];
  /** Scan profile that `release.values` belong to, for the places. Default none: the values as deployed. */
  readonly profile?: string;
  readonly signal: AbortSignal;
}

/**
 * Finds every image of a release by probe render, and the values paths that decide where each comes from (docs/architecture.md). Renders
 * with the release's own values and with sentinels; asks no registry and no cluster.
 * Throws RENDER_FAILED, RENDER_UNREADABLE, CHART_INVALID, and REFERENCE_INVALID for a pod image that is no reference.
 */
export async function discoverRelease(helm: Helm, release: HelmRelease, options: DiscoverOptions): Promise<Discovery> {
  const session = openSession(helm, release, options);
  const [values, streams] = await Promise.all([
    readEffectiveValues(helm, release, options),
    Promise.all(options.kubernetes.map(async (kubernetes) => ({ kubernetes, stream: await session.print(kubernetes) }))),
  ]);
  const isIgnored = ignoredReferences(options.ignore);
  const named = options.paths.flatMap((text) => candidatesAt(values, parsePath(text) ?? [text]));
  const controls: Control[] = [];
  const permits = new Map<string, FixedRewrite>();
  const bases: BaseRender[] = [];
  const digests: ProbedDigests[] = [];
  for (const [index, { kubernetes, stream }] of streams.entries()) {
    // Most charts render the same for every minor; what was probed once then holds for all.
    const twin = streams.findIndex((other) => other.stream === stream);
    const known = twin < index ? bases[twin] : undefined;
    if (known !== undefined) {
      bases.push({ ...known, kubernetes });
      continue;
    }
    const base = readBase(session.read(stream), kubernetes);
    checkPodImages(base);
    const probed = await probeBase({ session, values, base, named, isWanted: ({ text }) => !isIgnored(text) });
    bases.push(probed.base);
    digests.push(await probeDigests({ session, values, base: probed.base, isIgnored }));
    controls.push(...probed.controls);
    for (const permit of probed.permits) permits.set(JSON.stringify(permit.path), permit);
  }
  return assembleDiscovery({
    release: release.name,
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    renders: session.renders,
    documents: session.documents,
    values,
    bases,
    controls,
    permits: [...permits.values()],
    digests: uniteDigests(digests),
    isIgnored,
    isExtra: extraReferences(options.extra ?? []),
  });
}
