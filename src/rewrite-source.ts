import { discoverRelease } from '../helm/discover.ts';
import type { FoundReference } from '../helm/discovery.ts';
import type { Helm } from '../helm/helm.ts';
import { type Rewrite, rewriteRelease } from '../helm/prove.ts';
import { type HelmRelease, type RenderOptions, renderManifests } from '../helm/render.ts';
import { showsKinds } from '../helm/render-session.ts';
import type { Target } from '../images/reference.ts';
import { withChartFile } from './chart-file.ts';
import type { Source } from './read-sources.ts';

/** A release as deployed, brought from another registry. Proven when there is no leftover. */
export interface RewrittenSource extends Rewrite {
  readonly source: Source;
  readonly references: readonly FoundReference[];
}

/** What to rewrite for beside the registry. */
export interface RewriteSourceOptions {
  /** The Secret that every pod has to pull with. Default none is wanted. */
  readonly pullSecret?: string;
  /** `manifests()` will be asked for, and is to hold the CRDs of `crds/` folders too. */
  readonly manifests: boolean;
  readonly signal: AbortSignal;
}

/** Computes and proves the rewrite of one release for a registry. Throws RENDER_*, CHART_INVALID, REFERENCE_INVALID. */
export async function rewriteSource(
  helm: Helm,
  source: Source,
  target: Target,
  { pullSecret, manifests, signal }: RewriteSourceOptions,
): Promise<RewrittenSource> {
  const { name, namespace, values, kubernetes, apiVersions = [], paths, ignore, extra } = source.input;
  const common = { ignore, extra, apiVersions, signal };
  return await withChartFile(source.input.chart, async (chart) => {
    const release = { name, namespace, chart, values };
    const discovery = await discoverRelease(helm, release, { ...common, kubernetes, paths });
    // The Job carries Helm 4, whichever helm renders here.
    const { digests = new Map() } = source;
    const options = { ...common, digests, installedBy: 4 as const, ...(pullSecret === undefined ? {} : { pullSecret }) };
    const rewrite = await rewriteRelease(helm, release, discovery, target, options);
    const crds = manifests ? await renderCrds(helm, release, { kubernetes: kubernetes[0] ?? '', apiVersions, signal }) : '';
    return {
      ...rewrite,
      manifests: () => `${crds}${rewrite.manifests()}`,
      renders: discovery.renders + rewrite.renders,
      source,
      references: discovery.references,
    };
  });
}

/** The CRDs that an install brings first; no value changes them. The discovery has validated the values, as far as that goes without the internet. */
async function renderCrds(helm: Helm, release: HelmRelease, options: RenderOptions): Promise<string> {
  const stream = await renderManifests(helm, release, { ...options, skipSchemaValidation: true, kinds: showsKinds(release) });
  // A file that begins with "---" leaves its source comment alone in a document, so files are told apart, not documents.
  const files = stream.split(/^---\n(?=# Source: )/m);
  return files
    .filter((file) => /^# Source: .*\/crds\//.test(file))
    .map((file) => `---\n${file.trimEnd()}\n`)
    .join('');
}
