import { YAMLException } from 'js-yaml';
import { z } from 'zod';
import type { ErrorCode } from './bundle-error.ts';
import { describeIssues } from './describe-issues.ts';
import { foundWords, valueAt } from './found-words.ts';
import { type LocatedYaml, parseLocatedJson, parseLocatedYaml } from './located-yaml.ts';
import { documentError, keyWords, type LocatedProblem, locateProblem, type Problem } from './problem.ts';
import { shapeOf } from './schema-words.ts';

export interface ParseDocumentOptions {
  /** The file as the user knows it; it begins every line of the error. A name that ends in `.json` is read as JSON. */
  readonly file: string;
  readonly code: ErrorCode;
  /** Rules across fields. It is given the document as written, which may break the schema. */
  readonly check?: (value: unknown) => readonly Problem[];
}

/**
 * The value that a document holds, defaults filled in. Throws one BundleError of `code` that has a line for every problem:
 * where it is, what was found, what is accepted. A document of another kind or version is that one problem only.
 */
export function parseDocument<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  { file, code, check }: ParseDocumentOptions,
): z.output<Schema> {
  const located = locate(text, file, code);
  const header = headerProblem(schema, located);
  if (header !== undefined) throw documentError(code, file, [locateProblem(header, located)]);
  const parsed = schema.safeParse(located.value);
  const issues = parsed.success ? [] : describeIssues(parsed.error.issues, { schema, located, path: [] });
  const problems = [...issues, ...(check?.(located.value) ?? [])].map((problem) => locateProblem(problem, located));
  problems.push(...duplicateKeys(located));
  if (parsed.success && problems.length === 0) return parsed.data;
  throw documentError(code, file, problems);
}

function locate(text: string, file: string, code: ErrorCode): LocatedYaml {
  try {
    return file.endsWith('.json') ? parseLocatedJson(text, file) : parseLocatedYaml(text, file);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    // Without a cause: it holds the text, and with it every secret in it.
    const { line, column } = error.mark ?? { line: 0, column: 0 };
    throw documentError(code, file, [{ line: line + 1, column: column + 1, path: '', message: syntaxWords(file, error.reason) }]);
  }
}

function syntaxWords(file: string, reason: string): string {
  if (file.endsWith('.json')) return 'cannot be read: this is not JSON';
  const explained = explanations[reason];
  return `cannot be read: ${reason}${explained === undefined ? '' : `; ${explained}`}`;
}

/** What js-yaml's shorter reasons mean to someone who writes YAML. */
const explanations: Readonly<Record<string, string>> = {
  'bad indentation of a mapping entry': 'a value with ": " in it needs quotes, and fields of one mapping begin in one column',
  'bad indentation of a sequence entry': 'the "-" of one list stand in one column',
  'deficient indentation': 'a bracket or quote is not closed, or a line in it is not indented more than its key',
  'tab characters must not be used in indentation': 'use spaces',
};

/** A document of another kind is told as such, before its fields are looked at. */
function headerProblem(schema: z.ZodType, located: LocatedYaml): Problem | undefined {
  const kind = literalOf(shapeOf(schema)?.kind);
  const apiVersion = literalOf(shapeOf(schema)?.apiVersion);
  if (kind === undefined || apiVersion === undefined) return undefined;
  const begins = `it has to begin with "apiVersion: ${apiVersion}" and "kind: ${kind}"`;
  if (located.value === undefined) return { path: [], message: `this is no ${kind}: it is empty; ${begins}` };
  const found = { kind: valueAt(located.value, ['kind']), apiVersion: valueAt(located.value, ['apiVersion']) };
  if (typeof found.kind === 'string' && found.kind !== kind) {
    return { path: ['kind'], message: `this is a ${found.kind}, but a ${kind} is needed here (${kindWords[kind] ?? kind})` };
  }
  if (typeof found.apiVersion === 'string' && found.apiVersion !== apiVersion) {
    return { path: ['apiVersion'], message: `found "${found.apiVersion}", but this version of diolkos reads "${apiVersion}"` };
  }
  if (found.kind !== undefined || found.apiVersion !== undefined) return undefined;
  return { path: [], message: `this is no ${kind}: found ${foundWords(located, [])}; ${begins}` };
}

const kindWords: Readonly<Record<string, string>> = {
  Bundle: 'the spec, usually bundle.yaml',
  Site: 'usually site.yaml',
  Lock: 'usually bundle.lock.yaml',
  BundleJson: 'the first entry of a bundle',
};

function literalOf(schema: z.ZodType | undefined): string | undefined {
  return schema instanceof z.ZodLiteral ? String([...schema.values][0]) : undefined;
}

function duplicateKeys(located: LocatedYaml): LocatedProblem[] {
  return located.duplicates.map(({ key, offset, first }) => {
    const { line, column } = located.positionOf(first);
    return {
      ...located.positionOf(offset),
      path: '',
      message: `the field "${keyWords(key)}" is given twice; the first is at ${line}:${column}`,
    };
  });
}
