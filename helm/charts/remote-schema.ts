import { isMap } from '../values-path.ts';
import { type NestedFile, nestedFiles } from './nested-files.ts';

/**
 * The addresses that helm would fetch to check values against the `values.schema.json` of a packed chart or of its subcharts: sorted, without
 * fragments. A chart with one of them cannot be validated behind the gap, by no verb of helm, so it is rendered and installed with
 * `--skip-schema-validation`. What a schema carries itself by its `$id`, and the meta-schemas built into helm, are none.
 * A schema that is no JSON has none either; helm says so itself. Throws CHART_INVALID.
 */
export function remoteSchemaReferences(tgz: Buffer, name: string): string[] {
  return remoteReferencesIn(nestedFiles(tgz, name));
}

/** The same for files that are at hand. */
export function remoteReferencesIn(files: Iterable<NestedFile>): string[] {
  const found = new Set<string>();
  for (const { path, body } of files) {
    if (path === 'values.schema.json') for (const address of remoteIn(body.toString('utf8'))) found.add(address);
  }
  return [...found].sort();
}

function remoteIn(text: string): Set<string> {
  const reader = new SchemaReader();
  // Most schemas name no address but that of their own dialect.
  if (/"\$(?:ref|dynamicRef|schema)"\s*:\s*"|"\$id"/.test(text)) reader.visit(parseJson(text), '');
  return new Set([...reader.references].filter((address) => !reader.carried.has(address)));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Dialects that the validator of both helm majors has built in. */
const builtIn = /^https?:\/\/json-schema\.org\/(?:draft-0[4-7]\/|draft\/20(?:19-09|20-12)\/|schema)/;

class SchemaReader {
  readonly references = new Set<string>();
  /** What the schema defines itself, under an address of its own. */
  readonly carried = new Set<string>();

  /** `base` is the address that relative references start from; empty for the chart's own file. */
  visit(value: unknown, base: string): void {
    if (Array.isArray(value)) for (const item of value) this.visit(item, base);
    if (!isMap(value)) return;
    const own = addressOf(value.$id ?? value.id, base);
    if (own !== undefined) this.carried.add(own);
    for (const [key, entry] of Object.entries(value)) {
      if (key === '$ref' || key === '$dynamicRef' || key === '$schema') this.#add(entry, own ?? base);
      // Examples and defaults are data; a key called "$ref" in them refers to nothing.
      else if (key !== 'examples' && key !== 'default' && key !== 'const' && key !== 'enum') this.visit(entry, own ?? base);
    }
  }

  #add(reference: unknown, base: string): void {
    if (typeof reference === 'string' && reference.startsWith('#')) return;
    const address = addressOf(reference, base);
    if (address !== undefined && !builtIn.test(address)) this.references.add(address);
  }
}

/** The http address that `reference` means, without fragment; `undefined` for any other scheme and for what is no text. */
function addressOf(reference: unknown, base: string): string | undefined {
  if (typeof reference !== 'string' || reference === '') return undefined;
  const url = URL.parse(reference, base === '' ? undefined : base);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return undefined;
  return url.href.replace(/#.*$/, '');
}
