import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { loadAll, YAML11_SCHEMA } from 'js-yaml';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Site } from '../bundle-spec/site.ts';
import { Values, type ValuesLayer } from '../bundle-spec/values-layer.ts';

/**
 * The site as the Job can read it: a CA file and values files (relative to `directory`, where site.yaml lies) become inline, since
 * the pod has no files of the workstation. Throws FILE_UNREADABLE and SITE_INVALID.
 */
export async function siteForJob(
  site: Site,
  options: { readonly directory: string; readonly signal: AbortSignal },
): Promise<Site> {
  const values: Record<string, ValuesLayer[]> = {};
  for (const [release, layers] of Object.entries(site.values)) {
    values[release] = await Promise.all(layers.map((layer) => layerForJob(layer, options)));
  }
  const { ca } = site.registry;
  if (ca === undefined || 'inline' in ca) return { ...site, values };
  return { ...site, values, registry: { ...site.registry, ca: { inline: await readText(ca.file, options) } } };
}

async function layerForJob(
  layer: ValuesLayer,
  options: { readonly directory: string; readonly signal: AbortSignal },
): Promise<ValuesLayer> {
  if (!('file' in layer)) return layer;
  const documents = loadAll(await readText(layer.file, options), { schema: YAML11_SCHEMA });
  const parsed = Values.safeParse(documents[0] ?? {});
  if (documents.length > 1 || !parsed.success) {
    throw new BundleError('SITE_INVALID', `${layer.file} is no values file`, { hint: 'it must hold one YAML mapping' });
  }
  return { inline: parsed.data };
}

async function readText(file: string, { directory, signal }: { directory: string; signal: AbortSignal }): Promise<string> {
  try {
    return await readFile(resolve(directory, file), { encoding: 'utf8', signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new BundleError('FILE_UNREADABLE', `cannot read ${file}, which site.yaml names`, { cause });
  }
}
