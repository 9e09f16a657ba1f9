import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { parseYaml11 } from '../bundle-spec/located-yaml.ts';
import type { Site } from '../bundle-spec/site.ts';
import { Values, type ValuesLayer } from '../bundle-spec/values-layer.ts';
import { readSiteCertificates } from '../images/site-registry.ts';

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
  return { ...site, values, registry: { ...site.registry, ca: { inline: await readSiteCertificates(ca.file, options) } } };
}

async function layerForJob(
  layer: ValuesLayer,
  options: { readonly directory: string; readonly signal: AbortSignal },
): Promise<ValuesLayer> {
  if (!('file' in layer)) return layer;
  const documents = readDocuments(layer.file, await readText(layer.file, options));
  const parsed = Values.safeParse(documents[0] ?? {});
  if (documents.length > 1 || !parsed.success) throw noValues(layer.file);
  return { inline: parsed.data };
}

function readDocuments(file: string, text: string): readonly unknown[] {
  try {
    return parseYaml11(text, file);
  } catch (cause) {
    throw noValues(file, cause);
  }
}

function noValues(file: string, cause?: unknown): BundleError {
  const hint = 'it must hold one YAML mapping';
  return new BundleError('SITE_INVALID', `${file} is no values file`, { hint, ...(cause === undefined ? {} : { cause }) });
}

async function readText(file: string, { directory, signal }: { directory: string; signal: AbortSignal }): Promise<string> {
  try {
    return await readFile(resolve(directory, file), { encoding: 'utf8', signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new BundleError('FILE_UNREADABLE', `cannot read ${file}, which site.yaml names`, { cause });
  }
}
