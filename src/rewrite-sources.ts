import { BundleError } from '../bundle-spec/bundle-error.ts';
import { findHelm } from '../helm/helm.ts';
import { rewriteUnproven } from '../helm/leftovers.ts';
import { bareChartError } from './bare-chart-words.ts';
import type { ChartFlags } from './commands/chart-options.ts';
import type { Format } from './commands/format-option.ts';
import { printManifests, printOverrides, printRewriteJson, printRewriteSummary } from './print-rewrite.ts';
import { readBundleSources } from './read-bundle-sources.ts';
import { checkNoChartFlags, kindOf, readSources, type Source } from './read-sources.ts';
import { type RewrittenSource, rewriteSource } from './rewrite-source.ts';
import { rewriteTarget, type TargetFlags } from './rewrite-target.ts';

export interface RewriteFlags extends ChartFlags, TargetFlags {
  readonly manifests: boolean;
  readonly partial: boolean;
  /** Further directories with volumes of a bundle. */
  readonly volumes: readonly string[];
  readonly format: Format;
}

/**
 * Prints the values that bring every image of a bundle, spec or chart from a registry, or what would be installed with them. When anything is
 * left it throws REWRITE_UNPROVEN with the lines to add, and has printed only the JSON report, or with `partial` what it has.
 */
export async function rewriteSources(
  name: string,
  flags: RewriteFlags,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const target = await rewriteTarget(flags, { signal });
  const sources = await openSources(name, flags, signal);
  const helm = await findHelm({ signal });
  const rewritten: RewrittenSource[] = [];
  for (const plain of sources) {
    const source = await target.withSiteValues(plain);
    const pullSecret = target.pullSecret === undefined ? {} : { pullSecret: target.pullSecret };
    rewritten.push(
      await rewriteSource(helm, source, target.target, { ...pullSecret, manifests: flags.manifests, signal }).catch((error) =>
        inFlags(error, source),
      ),
    );
  }
  const leftovers = rewritten.flatMap((one) => one.leftovers);
  if (flags.format === 'json') printRewriteJson(rewritten, flags);
  else if (leftovers.length === 0 || flags.partial) (flags.manifests ? printManifests : printOverrides)(rewritten);
  if (flags.format === 'text') printRewriteSummary(rewritten);
  if (leftovers.length > 0) throw unproven(rewritten, name);
}

async function openSources(name: string, flags: RewriteFlags, signal: AbortSignal): Promise<readonly Source[]> {
  if ((await kindOf(name)) === 'bundle') {
    checkNoChartFlags(name, flags);
    return await readBundleSources(name, { volumes: flags.volumes, signal });
  }
  const { sources } = await readSources([name], flags, { signal });
  return sources.map((source) => {
    if ('error' in source) throw source.error;
    return source;
  });
}

function inFlags(error: unknown, source: Source): never {
  throw source.isBare && error instanceof BundleError ? bareChartError(error, source.name) : error;
}

function unproven(rewritten: readonly RewrittenSource[], path: string): BundleError {
  const error = rewriteUnproven(rewritten.flatMap((one) => one.leftovers));
  const hint = `${error.hint}; --partial prints what there is`;
  const full = new BundleError(error.code, error.message, { hint });
  return rewritten.some(({ source }) => source.isBare) ? bareChartError(full, path) : full;
}
