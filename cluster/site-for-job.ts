import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { parseYaml11 } from '../bundle-spec/located-yaml.ts';
import type { SigningKey, Site, SiteRegistry } from '../bundle-spec/site.ts';
import { Values, type ValuesLayer } from '../bundle-spec/values-layer.ts';
import { readSiteCertificates } from '../images/registry/site-registry.ts';
import { readKeys, readKeyText } from '../images/signature/read-keys.ts';

/**
 * The site as the Job can read it: a CA file, key files and values files (relative to `directory`, where site.yaml lies) become inline, since
 * the pod has no files of the workstation. Throws FILE_UNREADABLE, SITE_INVALID and SIGNATURE_INVALID.
 */
export async function siteForJob(
  site: Site,
  options: { readonly directory: string; readonly signal: AbortSignal },
): Promise<Site> {
  const values: Record<string, ValuesLayer[]> = {};
  for (const [release, layers] of Object.entries(site.values)) {
    values[release] = await Promise.all(layers.map((layer) => layerForJob(layer, options)));
  }
  const signedBy = await Promise.all((site.signedBy ?? []).map((key) => keyForJob(key, options)));
  const inlined: Site = { ...site, values, ...(site.signedBy === undefined ? {} : { signedBy }) };
  const { ca, clientCertificate, ...registry } = site.registry;
  const inline = ca !== undefined && 'file' in ca ? { inline: await readSiteCertificates(ca.file, options) } : ca;
  const certificate = clientCertificate === undefined ? {} : { clientCertificate: { secret: secretOf(clientCertificate) } };
  return { ...inlined, registry: { ...registry, ...(inline === undefined ? {} : { ca: inline }), ...certificate } };
}

function secretOf({ secret }: NonNullable<SiteRegistry['clientCertificate']>): string {
  if (secret !== undefined) return secret;
  throw new BundleError('SITE_INVALID', 'registry.clientCertificate names files, which the Job cannot read', {
    hint: 'put them into a Secret in the namespace of the Job ("kubectl create secret tls <name> --cert=… --key=…") and name it: registry.clientCertificate.secret',
  });
}

/** A key that cannot be read as one is told here, not in the pod. */
async function keyForJob(
  key: SigningKey,
  options: { readonly directory: string; readonly signal: AbortSignal },
): Promise<SigningKey> {
  await readKeys([key], options);
  return 'inline' in key ? key : { inline: await readKeyText(key.file, options) };
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
