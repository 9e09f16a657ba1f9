import type { Values } from '../bundle-spec/values-layer.ts';
import { placeKey } from './base-render.ts';
import { type Candidate, findCandidates } from './image-shapes.ts';
import type { Control } from './judge-probe.ts';
import type { FixedRewrite, RewritePath } from './overrides.ts';
import { formatPath } from './values-path.ts';

/** What is rewritten, and which places that covers. */
export interface Choice {
  readonly rewrite: readonly RewritePath[];
  /** Values paths that control a place, by `placeKey`. */
  readonly pathsOf: ReadonlyMap<string, readonly string[]>;
}

/**
 * One text for each candidate, from all that its probes showed: what most of its places need. `isWanted` says whether a place has to become
 * local; a candidate without such a place stays as it is. Places that need another text are left to the proof, except where Docker Hub's
 * `library/` is all that is missing: then the name below gets it.
 */
export function chooseRewrites(controls: readonly Control[], isWanted: (control: Control) => boolean, values: Values): Choice {
  const rewrite: RewritePath[] = [];
  const pathsOf = new Map<string, string[]>();
  for (const group of Map.groupBy(controls, ({ candidate }) => candidateKey(candidate)).values()) {
    if (!group.some(isWanted)) continue;
    const chosen = chooseForCandidate(group, values);
    rewrite.push(...chosen.rewrite);
    for (const { place, candidate } of chosen.covered) {
      const key = placeKey(place);
      pathsOf.set(key, [...(pathsOf.get(key) ?? []), formatPath(candidate.path)]);
    }
  }
  return { rewrite: withoutRepeats(rewrite), pathsOf };
}

function chooseForCandidate(group: readonly Control[], values: Values): { rewrite: RewritePath[]; covered: Control[] } {
  const standsFor = mostWanted(group);
  const chosen: { rewrite: RewritePath[]; covered: Control[] } = { rewrite: [], covered: [] };
  for (const control of group) {
    const { path, before, after } = control.candidate;
    const completed = control.standsFor === standsFor ? [] : completions(control, standsFor, values);
    if (control.standsFor !== standsFor && completed.length === 0) continue;
    chosen.rewrite.push({ path, before, after, standsFor }, ...completed);
    chosen.covered.push(control);
  }
  return chosen;
}

function candidateKey(candidate: Candidate): string {
  return JSON.stringify([candidate.path, candidate.before]);
}

function mostWanted(controls: readonly Control[]): string {
  // Places that can be pulled decide; a bare host in a flag goes along.
  const deciding = controls.some(({ place }) => place.complete) ? controls.filter(({ place }) => place.complete) : controls;
  const votes = [...Map.groupBy(deciding, ({ standsFor }) => standsFor).entries()];
  // `docker.io` before `docker.io/library`: the longer can be completed from the shorter.
  votes.sort(
    ([a, left], [b, right]) => Number(a === `${b}/library`) - Number(b === `${a}/library`) || right.length - left.length,
  );
  return votes[0]?.[0] ?? '';
}

function completions(control: Control, standsFor: string, values: Values): FixedRewrite[] {
  if (control.standsFor !== `${standsFor}/library`) return [];
  const name = /([^/:@]+)(?:[:@].*)?$/.exec(control.place.text)?.[1] ?? '';
  return findCandidates(values, [name])
    .filter((candidate) => candidate.head === name && candidate.before === '' && candidate.after === '')
    .filter((candidate) => candidate.rank !== 'bare' && formatPath(candidate.path) !== formatPath(control.candidate.path))
    .map(({ path }) => ({ path, value: `library/${name}`, why: 'Docker Hub keeps it below library/' }));
}

function withoutRepeats(rewrite: readonly RewritePath[]): RewritePath[] {
  const seen = new Map(rewrite.map((entry) => [JSON.stringify([entry.path, 'before' in entry ? entry.before : '']), entry]));
  return [...seen.values()].sort((a, b) => (formatPath(a.path) < formatPath(b.path) ? -1 : 1));
}
