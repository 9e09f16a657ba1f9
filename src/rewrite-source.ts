import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { discoverRelease } from '../helm/discover.ts';
import type { FoundReference } from '../helm/discovery.ts';
import type { Helm } from '../helm/helm.ts';
import { type Rewrite, rewriteRelease } from '../helm/prove.ts';
import type { Target } from '../images/reference.ts';
import type { Source } from './read-sources.ts';

/** A release as deployed, brought from another registry. Proven when there is no leftover. */
export interface RewrittenSource extends Rewrite {
  readonly source: Source;
  readonly references: readonly FoundReference[];
}

export interface RewriteSourceOptions {
  /** The Secret that every pod has to pull with. Default none is wanted. */
  readonly pullSecret?: string;
  readonly signal: AbortSignal;
}

/** Computes and proves the rewrite of one release for a registry. Throws RENDER_*, CHART_INVALID, REFERENCE_INVALID. */
export async function rewriteSource(
  helm: Helm,
  source: Source,
  target: Target,
  { pullSecret, signal }: RewriteSourceOptions,
): Promise<RewrittenSource> {
  const { name, namespace, values, kubernetes, apiVersions = [], paths, ignore, extra } = source.input;
  const folder = await mkdtemp(join(tmpdir(), 'diolkos-chart-'));
  try {
    const chart = join(folder, 'chart.tgz');
    await writeFile(chart, source.input.chart.bytes);
    const release = { name, namespace, chart, values };
    const common = { ignore, extra, apiVersions, signal };
    const discovery = await discoverRelease(helm, release, { ...common, kubernetes, paths });
    // The Job carries Helm 4, whichever helm renders here.
    const options = { ...common, installedBy: 4 as const, ...(pullSecret === undefined ? {} : { pullSecret }) };
    const rewrite = await rewriteRelease(helm, release, discovery, target, options);
    return { ...rewrite, renders: discovery.renders + rewrite.renders, source, references: discovery.references };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
