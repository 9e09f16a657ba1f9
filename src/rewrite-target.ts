import { dirname } from 'node:path';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { readSite } from '../bundle-spec/read-bundle.ts';
import { Site } from '../bundle-spec/site.ts';
import type { Target } from '../images/reference.ts';
import { carryLayers } from './carry-layers.ts';
import { type Source, unreadLayers } from './read-sources.ts';

/** Where images shall come from: a site, or a registry alone. */
export interface TargetFlags {
  readonly site?: string;
  readonly registry?: string;
  readonly prefix?: string;
  readonly pullSecret?: string;
}

/** The registry, the Secret to pull with, and the values that a site adds. */
export interface RewriteTarget {
  readonly target: Target;
  readonly pullSecret?: string;
  /** The same source with the values that the site adds to its release. */
  withSiteValues(source: Source): Promise<Source>;
}

/** The registry that the flags or their site name. Throws USAGE_INVALID, SITE_INVALID, FILE_UNREADABLE. */
export async function rewriteTarget(flags: TargetFlags, options: { readonly signal: AbortSignal }): Promise<RewriteTarget> {
  if (flags.site !== undefined) return await siteTarget(flags.site, flags, options);
  const { registry, prefix, pullSecret } = flags;
  if (registry === undefined) {
    throw new BundleError('USAGE_INVALID', 'neither --site nor --registry says where images shall come from', {
      hint: 'give --site site.yaml, or --registry registry.internal:5000',
    });
  }
  const parsed = Site.shape.registry.safeParse({ host: registry, prefix, pullSecret });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const flag = { host: '--registry', prefix: '--prefix', pullSecret: '--pull-secret' }[String(issue?.path[0])] ?? '--registry';
    throw new BundleError('USAGE_INVALID', `${flag}: ${issue?.message}`, {
      hint: 'a path below the registry goes into --prefix: --registry registry.internal:5000 --prefix mirror/shop',
    });
  }
  return {
    target: { host: registry, prefix: parsed.data.prefix },
    ...(pullSecret === undefined ? {} : { pullSecret }),
    withSiteValues: async (source) => source,
  };
}

async function siteTarget(
  file: string,
  flags: TargetFlags,
  { signal }: { readonly signal: AbortSignal },
): Promise<RewriteTarget> {
  const wrong = (['registry', 'prefix', 'pullSecret'] as const).filter((key) => flags[key] !== undefined);
  if (wrong.length > 0) {
    const names = wrong.map((key) => (key === 'pullSecret' ? '--pull-secret' : `--${key}`)).join(', ');
    throw new BundleError('USAGE_INVALID', `${names} beside --site: the site says it`, {
      hint: `give one of them; in ${file} the fields are registry.host, registry.prefix and registry.pullSecret`,
    });
  }
  const { registry, values } = await readSite(file, { signal });
  return {
    target: { host: registry.host, prefix: registry.prefix },
    ...(registry.pullSecret === undefined ? {} : { pullSecret: registry.pullSecret }),
    withSiteValues: async (source) => {
      const where = `${file}: values.${source.input.name}`;
      const layers = await carryLayers(values[source.input.name] ?? [], { folder: dirname(file), where, signal });
      const known = layers.filter((layer) => 'text' in layer);
      const input = { ...source.input, values: [...source.input.values, ...known] };
      return { ...source, input, unread: [...source.unread, ...unreadLayers(layers)] };
    },
  };
}
