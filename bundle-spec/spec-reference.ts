/** As much of a JSON Schema as the reference shows. */
export interface JsonSchema {
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly type?: unknown;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[] | undefined;
  readonly required?: readonly string[] | undefined;
  readonly properties?: Readonly<Record<string, unknown>> | undefined;
  readonly additionalProperties?: unknown;
  readonly items?: unknown;
  readonly prefixItems?: readonly unknown[] | undefined;
  readonly anyOf?: readonly unknown[] | undefined;
}

const intro = `# The documents

Generated from the schemas by \`npm run schemas\`; the JSON Schemas themselves are in \`bundle-spec/schemas/\`. Documents are YAML,
read by the rules that helm reads values with (YAML 1.1: \`0644\` is 420, \`on\` is true); numbers and words such as \`1.30\` or \`on\`
need quotes where text is wanted. Unknown fields are errors. A field without a default is required unless it says "optional".
`;

/** The reference of all documents in Markdown: a table a document, a row a field. */
export function specReference(schemas: readonly JsonSchema[]): string {
  return [intro, ...schemas.map(section)].join('\n');
}

function section(schema: JsonSchema): string {
  const rows = fieldRows(schema, '').map(({ path, type, fallback, meaning }) => cells(`\`${path}\``, type, fallback, meaning));
  const head = ['| Field | Type | Default | Meaning |', '|---|---|---|---|'];
  return [`## ${schema.title}`, '', schema.description ?? '', '', ...head, ...rows, ''].join('\n');
}

interface Row {
  readonly path: string;
  readonly type: string;
  readonly fallback: string;
  readonly meaning: string;
}

/** The fields of a mapping, each followed by those of its members; list entries are `[]`, entries of a map `.<name>`. */
function fieldRows(schema: JsonSchema, prefix: string): Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const field = asSchema(member);
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const fallback = schema.required?.includes(name) === true ? '' : fallbackWords(field);
    const row = { path, type: typeWords(field), fallback, meaning: field.description ?? '' };
    const isPlainMapping = field.properties !== undefined && fallback === '' && row.meaning === '';
    return [...(isPlainMapping ? [] : [row]), ...memberRows(field, path)];
  });
}

function memberRows(schema: JsonSchema, path: string): Row[] {
  if (schema.anyOf !== undefined) return uniqueRows(schema.anyOf.flatMap((option) => memberRows(asSchema(option), path)));
  if (schema.items !== undefined) return memberRows(asSchema(schema.items), `${path}[]`);
  if (schema.properties !== undefined) return fieldRows(schema, path);
  return isMap(schema) ? memberRows(asSchema(schema.additionalProperties), `${path}.<name>`) : [];
}

/** Alternatives share fields, such as the `version` of a chart. */
function uniqueRows(rows: readonly Row[]): Row[] {
  return rows.filter((row, index) => rows.findIndex((other) => other.path === row.path) === index);
}

function typeWords(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map((option) => alternativeWords(asSchema(option))).join(' or ');
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(' or ');
  if (schema.prefixItems !== undefined) return `[${schema.prefixItems.map((item) => typeWords(asSchema(item))).join(', ')}]`;
  if (schema.type === 'array') return `list of ${memberWords(asSchema(schema.items))}`;
  if (isMap(schema)) return `<name>: ${memberWords(asSchema(schema.additionalProperties))}`;
  return types.get(schema.type) ?? 'anything';
}

const types = new Map<unknown, string>([
  ['object', 'mapping'],
  ['string', 'text'],
  ['boolean', 'true or false'],
  ['integer', 'whole number'],
  ['number', 'number'],
]);

function alternativeWords(schema: JsonSchema): string {
  return schema.properties === undefined ? typeWords(schema) : `{ ${Object.keys(schema.properties).join(', ')} }`;
}

function memberWords(schema: JsonSchema): string {
  if (schema.properties !== undefined) return 'mappings';
  return schema.anyOf === undefined ? typeWords(schema) : `(${typeWords(schema)})`;
}

function fallbackWords(schema: JsonSchema): string {
  const fallback = JSON.stringify(schema.default) ?? '';
  return ['', '{}', '[]', '""'].includes(fallback) ? 'optional' : `\`${fallback}\``;
}

function isMap(schema: JsonSchema): boolean {
  return Object.keys(asSchema(schema.additionalProperties)).length > 0;
}

function asSchema(schema: unknown): JsonSchema {
  return typeof schema === 'object' && schema !== null ? (schema as JsonSchema) : {};
}

function cells(...texts: readonly string[]): string {
  return `| ${texts.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
}
