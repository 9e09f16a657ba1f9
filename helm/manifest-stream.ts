import { BundleError } from '../bundle-spec/bundle-error.ts';
import { parseYaml11 } from '../bundle-spec/located-yaml.ts';
import { isMap } from './values-path.ts';

/** One object that a chart renders. */
export interface RenderedObject {
  /** The template it comes from, as helm names it: `shop/charts/redis/templates/pod.yaml`. */
  readonly template: string;
  readonly apiVersion: string;
  readonly kind: string;
  /** `metadata.name`, or `generateName` with a `*`. */
  readonly name: string;
  /** `metadata.namespace`; absent where the chart leaves it to the release. */
  readonly namespace?: string;
  /** How many objects before it in the stream have the same template, kind, namespace and name; absent for none. */
  readonly occurrence?: number;
  /** `helm.sh/hook`, as written. */
  readonly hook?: string;
  /** The whole object. Of a CustomResourceDefinition all but its `spec`: schemas hold no images, and are nine tenths of the bytes. */
  readonly value: Readonly<Record<string, unknown>>;
}

/** Documents already parsed, by their text: renders of one chart differ in few of them. */
export type ParsedDocuments = Map<string, readonly unknown[]>;

/**
 * Splits a stream of manifests as helm does (`SplitManifests` in helm pkg/release/v1/util): at every line that begins with `---`, also
 * where more follows on that line. Not a YAML parser's rule: `---apiVersion: v1` begins a document here. Empty documents are left out.
 */
export function splitManifests(stream: string): string[] {
  const documents: string[] = [];
  const text = stream.trimStart();
  let start = 0;
  for (let end = text.startsWith('---') ? 0 : nextSeparator(text, 0); ; end = nextSeparator(text, start)) {
    const document = text.slice(start, end === -1 ? text.length : end).trimStart();
    if (document !== '') documents.push(document);
    if (end === -1) return documents;
    start = end + 3;
  }
}

function nextSeparator(text: string, from: number): number {
  const end = text.indexOf('\n---', from);
  return end === -1 ? -1 : end + 1;
}

/**
 * The objects of what `helm template` printed, in its order; the items of a `List` one by one.
 * Throws RENDER_UNREADABLE, naming the template, for a document that is no object: skipping it would lose its images.
 */
export function readManifests(stream: string, parsed: ParsedDocuments = new Map()): RenderedObject[] {
  const objects: RenderedObject[] = [];
  let template = 'unknown';
  for (const document of splitManifests(stream)) {
    const source = /^# Source: ([^\n]+)/.exec(document)?.[1]?.trim() ?? template;
    if (source !== template) template = ownText(source);
    for (const value of parseDocument(document, template, parsed)) addObjects(objects, value, template);
  }
  return numbered(objects);
}

/** Charts that render an object twice are told so by the cluster, not here; its places are still two. */
function numbered(objects: readonly RenderedObject[]): RenderedObject[] {
  const before = new Map<string, number>();
  return objects.map((object) => {
    const key = JSON.stringify([object.template, object.kind, object.namespace, object.name]);
    const occurrence = before.get(key) ?? 0;
    before.set(key, occurrence + 1);
    return occurrence === 0 ? object : { ...object, occurrence };
  });
}

function parseDocument(document: string, template: string, parsed: ParsedDocuments): readonly unknown[] {
  const known = parsed.get(document);
  if (known !== undefined) return known;
  const text = ownText(document);
  try {
    const values = parseYaml11(withoutSchema(text));
    parsed.set(text, values);
    return values;
  } catch (cause) {
    throw unreadable(template, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** A copy of a part of a stream: the part itself would keep all of the stream in memory for as long as anything of it is kept. */
function ownText(part: string): string {
  return Buffer.from(part).toString('utf8');
}

function withoutSchema(document: string): string {
  if (!/^kind: *["']?CustomResourceDefinition\b/m.test(document)) return document;
  const spec = /^spec:/m.exec(document)?.index ?? document.length;
  const head = document.slice(0, spec);
  return /^metadata:/m.test(head) && /^kind:/m.test(head) ? head : document;
}

function addObjects(objects: RenderedObject[], value: unknown, template: string): void {
  if (value === null || value === undefined) return;
  if (!isMap(value)) throw unreadable(template, 'a document is no mapping');
  const { kind, items } = value;
  if (typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items)) {
    for (const item of items) addObjects(objects, item, template);
    return;
  }
  const metadata = isMap(value.metadata) ? value.metadata : {};
  const annotations = isMap(metadata.annotations) ? metadata.annotations : {};
  const hook = annotations['helm.sh/hook'];
  objects.push({
    template,
    apiVersion: textOf(value.apiVersion),
    kind: textOf(kind),
    name:
      metadata.name === undefined && metadata.generateName !== undefined ? `${metadata.generateName}*` : textOf(metadata.name),
    ...(typeof metadata.namespace === 'string' && metadata.namespace !== '' ? { namespace: metadata.namespace } : {}),
    ...(typeof hook === 'string' ? { hook } : {}),
    value,
  });
}

function textOf(value: unknown): string {
  return value === undefined || value === null ? '' : String(value);
}

function unreadable(template: string, why: string, cause?: unknown): BundleError {
  return new BundleError('RENDER_UNREADABLE', `${template} renders a document that cannot be read: ${why.split('\n')[0]}`, {
    hint: 'run "helm template" with the same values and mend what the template prints',
    ...(cause === undefined ? {} : { cause }),
  });
}
