import { z } from 'zod';

export type Shape = Readonly<Record<string, z.ZodType>>;

/** The schema under optional, default and the like: what a document may hold. */
export function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return unwrap(schema.unwrap() as z.ZodType);
  }
  return schema instanceof z.ZodPipe ? unwrap(schema.in as z.ZodType) : schema;
}

/** The fields of a mapping's schema; undefined for everything that is no mapping with named fields. */
export function shapeOf(schema: z.ZodType): Shape | undefined {
  const inner = unwrap(schema);
  return inner instanceof z.ZodObject ? (inner.shape as Shape) : undefined;
}

export function isRequired(schema: z.ZodType): boolean {
  return !(schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault);
}

/** The alternatives of a union, itself if it is none. */
export function alternativesOf(schema: z.ZodType): z.ZodType[] {
  const inner = unwrap(schema);
  return inner instanceof z.ZodUnion ? (inner.options as z.ZodType[]) : [inner];
}

/** The schema of the value at `path`; where a union lies on the way, of the first alternative that has such a field. */
export function schemaAt(schema: z.ZodType, path: readonly PropertyKey[]): z.ZodType | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return schema;
  for (const alternative of alternativesOf(schema)) {
    const member = memberOf(unwrap(alternative), step);
    const found = member === undefined ? undefined : schemaAt(member, rest);
    if (found !== undefined) return found;
  }
  return undefined;
}

function memberOf(schema: z.ZodType, step: PropertyKey): z.ZodType | undefined {
  if (schema instanceof z.ZodObject) return (schema.shape as Shape)[String(step)];
  if (schema instanceof z.ZodArray) return schema.element as z.ZodType;
  if (schema instanceof z.ZodRecord) return schema.valueType as z.ZodType;
  if (schema instanceof z.ZodTuple) return (schema.def.items as readonly z.ZodType[])[Number(step)];
  return undefined;
}

/** What a schema accepts, in words: `text`, `3 or 4`, `{ path } or { repo, name, version }`. */
export function expectation(schema: z.ZodType): string {
  return joinWords(alternativesOf(schema).map((alternative) => expectationOfOne(unwrap(alternative))));
}

function expectationOfOne(schema: z.ZodType): string {
  if (schema instanceof z.ZodObject) return fieldsInBraces(schema.shape as Shape);
  if (schema instanceof z.ZodRecord) return 'a mapping';
  if (schema instanceof z.ZodArray || schema instanceof z.ZodTuple) return 'a list';
  if (schema instanceof z.ZodLiteral) return joinWords([...schema.values].map((value) => JSON.stringify(value)));
  if (schema instanceof z.ZodBoolean) return 'true or false';
  if (schema instanceof z.ZodNumber) return 'a number';
  return 'text';
}

/** `{ name, create? }`: a question mark for what may be left out. */
export function fieldsInBraces(shape: Shape): string {
  return `{ ${Object.entries(shape)
    .map(([name, schema]) => (isRequired(schema) ? name : `${name}?`))
    .join(', ')} }`;
}

export function joinWords(words: readonly string[]): string {
  if (words.length < 3) return words.join(' or ');
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
