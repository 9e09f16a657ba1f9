import type { Values } from '../bundle-spec/values-layer.ts';
import type { Helm } from './helm.ts';
import type { HelmRelease } from './render.ts';

/** A value that was missing and what was put in its place. */
export interface Placeholder {
  /** In helm's `--set` syntax. */
  readonly path: string;
  readonly value: unknown;
  /** What the chart said: template, line and message. */
  readonly reason: string;
}

export interface Filled {
  /** To be given as the last values layer (`RenderOptions.extraValues`, or a `ValuesText` of their JSON). Empty when nothing was missing. */
  readonly values: Values;
  readonly placeholders: readonly Placeholder[];
  /** The error that is left, when the chart still does not render. */
  readonly failure?: Error;
  readonly renders: number;
}

export interface PlaceholderOptions {
  readonly kubernetes: string;
  readonly apiVersions?: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Renders a release, and fills in typed placeholders for values that the chart demands (`required`, `fail`, a nil pointer, its schema), one
 * round after the other, until it renders or nothing more can be told from what helm says. Rounds: 12 at most.
 * Throws what is no matter of values: HELM_MISSING, CHART_INVALID.
 */
export async function fillPlaceholders(helm: Helm, release: HelmRelease, options: PlaceholderOptions): Promise<Filled> {
  throw new Error(`not yet: ${helm.path} ${release.name} ${options.kubernetes}`);
}
