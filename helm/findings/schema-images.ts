import type { Finding } from '../../bundle-spec/finding.ts';
import { formatReference } from '../../images/reference.ts';
import type { NestedFile } from '../charts/nested-files.ts';
import { asReference, spellingOf } from '../references/reference-text.ts';
import { isOtherHost } from '../references/registry-hosts.ts';

/** Longest file that is looked through, in bytes. */
const longest = 4 * 1024 * 1024;

/**
 * IMAGE_IN_CRD_SCHEMA for every image that the schema of a custom resource has as a default, and no render shows: the cluster writes it into
 * each resource that names none. Goes by lines, since schemas are large and templates are no YAML. `shown` are canonical references.
 */
export function findSchemaImages(files: readonly NestedFile[], shown: ReadonlySet<string>): Finding[] {
  const found = new Map<string, Finding>();
  for (const { chart, path, body } of files) {
    if (!/^(?:crds|templates|files)\//.test(path) || body.length > longest) continue;
    const text = body.toString('utf8');
    if (!text.includes('CustomResourceDefinition')) continue;
    for (const [, default_ = ''] of text.matchAll(/\bdefault:[ \t]+["']?([\w.-]+\/[^\s"']+)["']?[ \t]*$/gm)) {
      const reference = imageOf(default_);
      if (reference === undefined || shown.has(reference) || found.has(reference)) continue;
      found.set(reference, {
        severity: 'info',
        code: 'IMAGE_IN_CRD_SCHEMA',
        message: `${reference} is a default in the schema of a custom resource: the cluster puts it into resources that name none`,
        where: `${chart}/${path}`,
        fix: `if you make such resources, add ${reference} to images.extra, and name the image from the registry behind the gap in them`,
      });
    }
  }
  return [...found.values()];
}

/** Canonical; `undefined` for what is no image with host, path and tag or digest. */
function imageOf(text: string): string | undefined {
  const spelling = /[:@]/.test(text) ? spellingOf(text) : undefined;
  if (!spelling?.pinned || isOtherHost(spelling.reference.host) || /^\d+\/\d/.test(text)) return undefined;
  const reference = asReference(text);
  return reference === undefined ? undefined : formatReference(reference);
}
