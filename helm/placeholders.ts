import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Values } from '../bundle-spec/values-layer.ts';
import { nestedFiles } from './charts/nested-files.ts';
import { readEffectiveValues } from './effective-values.ts';
import { reasonOf } from './explain-failure.ts';
import type { Helm } from './helm.ts';
import { mergeValues } from './merge-values.ts';
import { applyEdits, type Edit } from './overrides.ts';
import { missingValues } from './placeholders/missing-values.ts';
import { type Missing, placeholdersFor } from './placeholders/placeholder-value.ts';
import type { HelmRelease } from './render.ts';
import { openSession, type RenderSession } from './render-session.ts';
import { formatPath, getAt } from './values-path.ts';

/** A value that was missing and what was put in its place. */
export interface Placeholder {
  /** In helm's `--set` syntax. */
  readonly path: string;
  readonly value: unknown;
  /** What the chart said: template, line and message. */
  readonly reason: string;
}

/** What was made up for a release, and whether that is enough. */
export interface Filled {
  /** To be given as the last values layer (`RenderOptions.extraValues`, or a `ValuesText` of their JSON). Empty when nothing was missing. */
  readonly values: Values;
  readonly placeholders: readonly Placeholder[];
  /** The error that is left, when the chart still does not render. */
  readonly failure?: Error;
  readonly renders: number;
}

/** The cluster to render for. */
export interface PlaceholderOptions {
  readonly kubernetes: string;
  readonly apiVersions?: readonly string[];
  readonly signal: AbortSignal;
}

/** How often the chart may go one step further, and how many renders it may take in all. */
const mostRounds = 16;
const mostRenders = 48;

/**
 * Renders a release, and fills in typed placeholders for values that the chart demands (`required`, `fail`, a nil pointer, its schema), one
 * round after the other, until it renders or nothing more can be told from what helm says. Everything made up is from `placeholder.invalid`,
 * images too. Throws what is no matter of values: HELM_MISSING, CHART_INVALID.
 */
export async function fillPlaceholders(helm: Helm, release: HelmRelease, options: PlaceholderOptions): Promise<Filled> {
  const session = openSession(helm, release, options);
  const failure = await failureOf(session, options.kubernetes, {});
  if (failure === undefined) return { values: {}, placeholders: [], renders: session.renders };
  const values = await readEffectiveValues(helm, release, options);
  const files = [...nestedFiles(await readFile(release.chart), basename(release.chart))];
  const filler = new Filler(values, files);
  const left = await filler.run(
    failure,
    (extra) => failureOf(session, options.kubernetes, extra),
    () => session.renders < mostRenders,
  );
  return {
    values: filler.overrides(),
    placeholders: filler.placeholders(),
    ...(left === undefined ? {} : { failure: left }),
    renders: session.renders,
  };
}

async function failureOf(session: RenderSession, kubernetes: string, overrides: Values): Promise<BundleError | undefined> {
  try {
    await session.print(kubernetes, { overrides, probe: false });
    return undefined;
  } catch (error) {
    if (error instanceof BundleError && error.code === 'RENDER_FAILED') return error;
    throw error;
  }
}

class Filler {
  readonly #values: Values;
  readonly #files: Parameters<typeof missingValues>[1]['files'];
  readonly #tried = new Set<string>();
  #edits = new Map<string, Edit & { readonly reason: string }>();

  constructor(values: Values, files: Parameters<typeof missingValues>[1]['files']) {
    this.#values = values;
    this.#files = files;
  }

  overrides(): Values {
    // A later edit may go into the value of an earlier one.
    const edits = [...this.#edits.values()].map(({ path, value }) => ({ path, value: structuredClone(value) }));
    return applyEdits(this.#values, edits);
  }

  placeholders(): Placeholder[] {
    return [...this.#edits].map(([path, { value, reason }]) => ({ path, value, reason }));
  }

  /** Takes back what did not change the message. Returns the last failure. */
  async run(
    first: BundleError,
    attempt: (overrides: Values) => Promise<BundleError | undefined>,
    mayGoOn: () => boolean,
  ): Promise<BundleError | undefined> {
    let failure: BundleError | undefined = first;
    for (let rounds = 0; failure !== undefined && rounds < mostRounds && mayGoOn(); ) {
      const before = this.#edits;
      if (!this.#fill(reasonOf(failure))) break;
      const next: BundleError | undefined = await attempt(this.overrides());
      if (next !== undefined && reasonOf(next) === reasonOf(failure)) this.#edits = before;
      else rounds += 1;
      failure = next;
    }
    return failure;
  }

  /** One untried value for each group. False when there is none. */
  #fill(reason: string): boolean {
    const values = mergeValues(this.#values, this.overrides());
    const groups = missingValues(reason, { files: this.#files, values, filled: new Set(this.#edits.keys()) });
    const edits = new Map(this.#edits);
    let changed = false;
    for (const group of groups) {
      const found = this.#untried(group);
      if (found === undefined) continue;
      this.#tried.add(JSON.stringify([found.path, found.value]));
      edits.set(formatPath(found.path), { path: found.path, value: found.value, reason });
      changed = true;
    }
    this.#edits = edits;
    return changed;
  }

  /** Every path with its likeliest value first, then with the next. */
  #untried(group: readonly Missing[]): Edit | undefined {
    const choices = group.flatMap((missing) =>
      placeholdersFor(missing, getAt(this.#values, missing.path)).map((value, rank) => ({ path: missing.path, value, rank })),
    );
    return choices.toSorted((a, b) => a.rank - b.rank).find(({ path, value }) => !this.#tried.has(JSON.stringify([path, value])));
  }
}
