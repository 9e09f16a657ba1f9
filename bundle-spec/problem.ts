import { BundleError, type ErrorCode } from './bundle-error.ts';
import type { LocatedYaml, Path, Position } from './located-yaml.ts';

/** One thing that is wrong with a document. */
export interface Problem {
  readonly path: Path;
  /** Points at the last key of `path` instead of at its value. */
  readonly atKey?: boolean;
  readonly message: string;
}

/** A problem with its place: what one line of the error says. */
export interface LocatedProblem extends Position {
  readonly path: string;
  readonly message: string;
}

export function locateProblem(problem: Problem, located: LocatedYaml): LocatedProblem {
  const position = problem.atKey === true ? located.atKey(problem.path) : located.at(problem.path);
  return { ...position, path: formatPath(problem.path), message: problem.message };
}

/** One error for all problems, a line each, in the order of the file: `bundle.yaml:14:7 releases[1].chart: …`. */
export function documentError(code: ErrorCode, file: string, problems: readonly LocatedProblem[]): BundleError {
  const lines = problems
    .toSorted((a, b) => a.line - b.line || a.column - b.column)
    .map(({ line, column, path, message }) => `${file}:${line}:${column} ${path === '' ? '' : `${path}: `}${message}`);
  const shown = lines.length > 100 ? [...lines.slice(0, 100), `… and ${lines.length - 100} more`] : lines;
  const message = lines.length === 1 ? lines.join() : `${file} has ${lines.length} problems\n${shown.join('\n')}`;
  return new BundleError(code, message, { hint: hints[code] ?? 'every field is described in docs/spec.md' });
}

const hints: { readonly [Code in ErrorCode]?: string } = {
  LOCK_INVALID: 'the lock is written by diolkos build: build again without --locked to write it anew',
  BUNDLE_INVALID: 'the bundle was not written by this version of diolkos, or it was changed since',
};

/** `releases[1].chart`, `values["a.b"][0]`. */
export function formatPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (!/^[A-Za-z_][-\w]*$/.test(step)) text += `[${JSON.stringify(keyWords(step))}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/** A key as it may be shown: of `{password:hunter2}`, which lacks a space and so is a key as a whole, the value is left out. */
export function keyWords(key: string): string {
  return key.replace(/:.+/s, ':…');
}
