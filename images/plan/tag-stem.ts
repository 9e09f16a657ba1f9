import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Reference } from '../reference.ts';

/** A tag that a registry does not have, though it has the repository. */
export class TagMissing extends BundleError {
  /** The tags it has that begin with the one asked for: `595.71.05-ubuntu24.04` for `595.71.05`. */
  readonly completed: readonly string[];

  constructor(message: string, options: { readonly hint: string; readonly completed: readonly string[] }) {
    super('REGISTRY_NOT_FOUND', message, options);
    this.completed = options.completed;
  }
}

/** Whether `tag` is `stem` with more behind it, as programs complete it for the node they run on. Not `1.10` for `1.1`. */
export function completesTag(stem: string, tag: string): boolean {
  return tag.startsWith(stem) && /^[-._+]/.test(tag.slice(stem.length));
}

/** Whether one of `others` is the image of `stem` with a completed tag. */
export function isCompletedBy(stem: Reference, others: readonly Reference[]): boolean {
  const { host, repository, tag, digest } = stem;
  if (tag === undefined || digest !== undefined) return false;
  return others.some(
    (other) => other.host === host && other.repository === repository && other.tag !== undefined && completesTag(tag, other.tag),
  );
}

const placeholder =
  /^(?:set[-_]by[-_].+|dev|v?0\.0\.0(?:-(?:dev|develop|snapshot|main|master|local)(?:\..*)?)?|change[-_]?me|todo|fixme|tbd|placeholder|replace[-_]?me|local|unset|unknown|undefined|none|x\.y\.z|your[-_]tag|tag|version|.*(?:version|tag)[-_]?(?:value|here))$/i;

/** Tags that a chart's release process replaces: who sees one has the chart from its source repository. */
export function isPlaceholderTag(tag: string): boolean {
  return placeholder.test(tag);
}
