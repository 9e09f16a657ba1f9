import { parseYaml11 } from '../../bundle-spec/located-yaml.ts';
import type { Path } from '../values-path.ts';
import { formatPath } from '../values-path.ts';

/** A step from a string into the document that it holds. */
export type PayloadStep = typeof yamlPayload | typeof base64Payload;
export const yamlPayload = { payload: 'yaml' } as const;
export const base64Payload = { payload: 'base64' } as const;

/** A place in a rendered object, also inside documents that its strings hold. */
export type ObjectPath = readonly (string | number | PayloadStep)[];

/** Characters of the longest string that is looked into as a document. */
const longestDocument = 4 * 1024 * 1024;

/** `--set` syntax; `#` stands where a path goes on inside a YAML or JSON document: `data.values\.yaml#image.name`. */
export function formatObjectPath(path: ObjectPath): string {
  let text = '';
  let plain: (string | number)[] = [];
  for (const step of path) {
    if (typeof step !== 'object') plain.push(step);
    else if (step === yamlPayload) {
      text += `${formatPath(plain as Path)}#`;
      plain = [];
    }
  }
  return text + formatPath(plain as Path);
}

/** What stands at `path`, decoding on the way; `undefined` where the way ends early. */
export function getInObject(value: unknown, path: ObjectPath): unknown {
  let current = value;
  for (const step of path) {
    if (typeof step === 'object') current = typeof current === 'string' ? decode(current, step) : undefined;
    else if (typeof current !== 'object' || current === null || !Object.hasOwn(current, step)) return undefined;
    else current = (current as Record<string | number, unknown>)[step];
  }
  return current;
}

/** The document or text inside `text` by that step, `undefined` when there is none. Several documents are a list. */
export function decode(text: string, step: PayloadStep): unknown {
  return step === yamlPayload ? decodeYaml(text) : decodeBase64(text);
}

/** How to go on inside a string that may hold references: it names images or registries, and reads as a document or as base64. */
export function payloadOf(text: string): PayloadStep | undefined {
  if (text.length > longestDocument) return undefined;
  if (looksLikeDocument(text) && mentionsImages(text) && decodeYaml(text) !== undefined) return yamlPayload;
  if (!looksLikeBase64(text)) return undefined;
  const inner = decodeBase64(text);
  return inner !== undefined && (mentionsImages(inner) || payloadOf(inner) !== undefined) ? base64Payload : undefined;
}

function looksLikeDocument(text: string): boolean {
  return /^\s*[{[]/.test(text) || /^[ \t-]*["']?[\w./-]+["']?:(?:[ \t]|$)/m.test(text);
}

function mentionsImages(text: string): boolean {
  return /image|repositor|registr|probe\.invalid|@sha256:|docker\.io|quay\.io|ghcr\.io|gcr\.io|k8s\.io\/|\.\w+\/[\w./-]+:v?\d/i.test(
    text,
  );
}

function looksLikeBase64(text: string): boolean {
  return text.length >= 8 && /^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(text) && text.replace(/\s+/g, '').length % 4 === 0;
}

function decodeYaml(text: string): unknown {
  try {
    const documents = parseYaml11(text);
    const value = documents.length === 1 ? documents[0] : documents;
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function decodeBase64(text: string): string | undefined {
  const bytes = Buffer.from(text, 'base64');
  const inner = bytes.toString('utf8');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what tells binary data from text
  return /[\u0000-\u0008\u000e-\u001f\ufffd]/.test(inner) ? undefined : inner;
}
