import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Finding } from '../../bundle-spec/finding.ts';
import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';
import { formatReference } from '../../images/reference.ts';
import { asReference } from '../references/reference-text.ts';
import { isMap } from '../values-path.ts';
import { nestedFiles } from './nested-files.ts';

/** An image that a chart says it uses, in its metadata. */
export interface AnnotatedImage {
  /** Canonical. */
  readonly reference: string;
  /** `shop/Chart.yaml annotations.images`. */
  readonly where: string;
}

/**
 * The images of the annotations `helm.sh/images` (Helm's HIP-0015), `artifacthub.io/images` and `images` (Bitnami), and of the file
 * `Images.lock`, of a packed chart and its subcharts. What is no reference is left out. Throws CHART_INVALID.
 */
export async function readAnnotatedImages(chart: string): Promise<AnnotatedImage[]> {
  const found = new Map<string, AnnotatedImage>();
  for (const { chart: folder, path, body } of nestedFiles(await readFile(chart), basename(chart))) {
    for (const { text, at } of textsIn(path, body)) {
      const reference = asReference(text);
      const image = reference === undefined ? undefined : formatReference(reference);
      if (image !== undefined && !found.has(image)) found.set(image, { reference: image, where: `${folder}/${path}${at}` });
    }
  }
  return [...found.values()];
}

/** IMAGE_DECLARED_BY_CHART for every annotated image that no render shows. `shown` is canonical; a digest beside the tag is no difference. */
export function annotationFindings(annotated: readonly AnnotatedImage[], shown: Iterable<string>): Finding[] {
  const known = new Set([...shown].map(withoutDigest));
  const unseen = annotated.filter(({ reference }) => !known.has(withoutDigest(reference)));
  return unseen.map(({ reference, where }) => ({
    severity: 'info',
    code: 'IMAGE_DECLARED_BY_CHART',
    message: `the chart's metadata names ${reference}, which no render shows`,
    where,
    fix: `if something pulls it at run time, add it: images: {extra: [${JSON.stringify(reference)}]}`,
  }));
}

interface AnnotatedText {
  readonly text: string;
  readonly at: string;
}

const annotations = ['helm.sh/images', 'artifacthub.io/images', 'images'];

function* textsIn(path: string, body: Buffer): Generator<AnnotatedText> {
  if (path === 'Images.lock') yield* imagesOf(readYaml(body.toString('utf8')), '');
  const metadata = path === 'Chart.yaml' ? readYaml(body.toString('utf8')) : undefined;
  const all = isMap(metadata) && isMap(metadata.annotations) ? metadata.annotations : {};
  for (const key of annotations) {
    const text = all[key];
    if (typeof text === 'string') yield* imagesOf(readYaml(text), ` annotations.${key.replaceAll('.', '\\.')}`);
  }
}

/** A list of maps with `image`, or of strings; below `images` or at the top. */
function* imagesOf(value: unknown, at: string): Generator<AnnotatedText> {
  const list = isMap(value) ? value.images : value;
  if (!Array.isArray(list)) return;
  for (const item of list) {
    const text = isMap(item) ? item.image : item;
    if (typeof text === 'string') yield { text: text.trim(), at };
  }
}

function withoutDigest(reference: string): string {
  const at = reference.indexOf('@');
  return at === -1 || !/:[^/]*@/.test(reference) ? reference : reference.slice(0, at);
}

/** Annotations are free text: one that is no YAML says nothing. */
function readYaml(text: string): unknown {
  try {
    return parseYaml11(text)[0];
  } catch {
    return undefined;
  }
}
