import type { z } from 'zod';
import { foundWords, quoteAdvice, valueAt } from './found-words.ts';
import type { LocatedYaml, Path } from './located-yaml.ts';
import { type Alternative, meantAlternative, missingFields, unionAlternatives } from './meant-alternative.ts';
import { nearName } from './near-name.ts';
import { keyWords, type Problem } from './problem.ts';
import { alternativesOf, expectation, fieldsInBraces, joinWords, schemaAt, shapeOf } from './schema-words.ts';

type Issue = z.core.$ZodIssue;

/** The part of a document that issues are about: their paths begin at `path`, their schema is `schema`. */
export interface Subject {
  readonly schema: z.ZodType;
  readonly located: LocatedYaml;
  readonly path: Path;
}

/** Issues of zod in the words of this project: what was found and what is accepted. */
export function describeIssues(issues: readonly Issue[], subject: Subject): Problem[] {
  const misspelled = new Set(issues.flatMap((issue) => meantFields(issue, subject)));
  const told = new Set<string>();
  return issues.flatMap((issue) => {
    const path = pathOf(issue, subject);
    const key = JSON.stringify(path);
    // One value that breaks two rules is told once; so is a field that is missing because it is misspelled.
    if (told.has(key) || (misspelled.has(key) && valueAt(subject.located.value, path) === undefined)) return [];
    if (issue.code !== 'unrecognized_keys') told.add(key);
    return describeIssue(issue, path, subject);
  });
}

function describeIssue(issue: Issue, path: Path, subject: Subject): Problem[] {
  const { located } = subject;
  const schema = schemaAt(subject.schema, issue.path);
  if (issue.code === 'unrecognized_keys') return unknownFields(issue.keys, { schema: schema ?? subject.schema, located, path });
  if (issue.code === 'invalid_key') return [wrongKey(issue, path)];
  const expected = schema === undefined ? 'something else' : expectation(schema);
  if (path.length > 0 && valueAt(located.value, path) === undefined) return [{ path, message: `missing; expected ${expected}` }];
  if (issue.code === 'invalid_union' && schema !== undefined) return describeUnion(issue, { schema, located, path });
  return [{ path, message: `${ownWords(issue) ?? `expected ${expected}`}; ${found(issue, located, path)}` }];
}

/** When one alternative is clearly meant, what is wrong with that one; otherwise all that is accepted. `subject` is the union. */
function describeUnion(issue: z.core.$ZodIssueInvalidUnion, subject: Subject): Problem[] {
  const { schema, located, path } = subject;
  const value = valueAt(located.value, path);
  const alternatives = unionAlternatives(issue, schema);
  const meant = meantAlternative(alternatives, value);
  if (meant === undefined) {
    const words = `expected ${expectation(schema)}; found ${foundWords(located, path)}`;
    return [{ path, message: `${words}${quoteAdvice(located, path)}` }];
  }
  const missing = missingFields(meant, value);
  const rest = meant.issues.filter((inner) => !missing.includes(inner));
  const problems = describeIssues(rest, { ...subject, schema: meant.schema });
  return missing.length === 0 ? problems : [{ path, message: lackWords(missing, meant, alternatives) }, ...problems];
}

/** `lacks "version" of { repo, name, version }; also accepted: { path } or { oci, version }`. */
function lackWords(missing: readonly Issue[], meant: Alternative, alternatives: readonly Alternative[]): string {
  const names = missing.map((issue) => `"${String(issue.path[0])}"`).join(' and ');
  const others = alternatives.filter((other) => other !== meant).map((other) => expectation(other.schema));
  const also = others.length === 0 ? '' : `; also accepted: ${joinWords(others)}`;
  return `lacks ${names} of ${fieldsInBraces(meant.shape ?? {})}${also}`;
}

/** What the schema itself says, such as `expected host or host:port`; zod's own wording never. */
function ownWords(issue: Issue): string | undefined {
  if (issue.message.startsWith('expected ')) return issue.message;
  if (issue.code === 'too_small' && issue.origin === 'string') return 'expected some text';
  if (issue.code === 'too_small') return `expected at least ${issue.minimum}${issue.origin === 'array' ? ' entry' : ''}`;
  if (issue.code === 'too_big') return `expected at most ${issue.maximum}`;
  if (issue.code === 'invalid_value') return `expected ${joinWords(issue.values.map((value) => JSON.stringify(value)))}`;
  return undefined;
}

function found(issue: Issue, located: LocatedYaml, path: Path): string {
  const wantsText = issue.code === 'invalid_type' && (issue.expected === 'string' || issue.expected === 'template_literal');
  return `found ${foundWords(located, path)}${wantsText ? quoteAdvice(located, path) : ''}`;
}

/** In a union, a field of another alternative or of none says that the alternatives are not known to the writer. */
function unknownFields(keys: readonly string[], { schema, located, path }: Subject): Problem[] {
  const names = fieldNames(schema);
  const nears = keys.map((key) => ({ key, near: names.includes(key) ? undefined : nearName(key, names) }));
  if (alternativesOf(schema).length > 1 && nears.some(({ near }) => near === undefined)) {
    return [{ path, message: `expected ${expectation(schema)}; found ${foundWords(located, path)}` }];
  }
  return nears.map(({ key, near }) => {
    const help = near === undefined ? `accepted: ${names.join(', ')}` : `did you mean "${near}"?`;
    return { path: [...path, key], atKey: true, message: `unknown field "${keyWords(key)}"; ${help}` };
  });
}

function wrongKey(issue: z.core.$ZodIssueInvalidKey, path: Path): Problem {
  const words = issue.issues.map((inner) => inner.message).find((message) => message.startsWith('expected '));
  return { path, atKey: true, message: `${words ?? 'expected another name'}; found "${keyWords(String(path.at(-1)))}"` };
}

/** Paths (as JSON) of fields that unknown keys of `issue` were probably meant to be. */
function meantFields(issue: Issue, subject: Subject): string[] {
  if (issue.code !== 'unrecognized_keys') return [];
  const names = fieldNames(schemaAt(subject.schema, issue.path));
  return issue.keys.map((key) => JSON.stringify([...pathOf(issue, subject), nearName(key, names)]));
}

function fieldNames(schema: z.ZodType | undefined): string[] {
  const shapes = schema === undefined ? [] : alternativesOf(schema).map(shapeOf);
  return [...new Set(shapes.flatMap((shape) => Object.keys(shape ?? {})))];
}

function pathOf(issue: Issue, subject: Subject): Path {
  return [...subject.path, ...issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))];
}
