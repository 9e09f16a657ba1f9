import type { Pod } from './objects.ts';
import type { Workload } from './workloads.ts';

/** What can be wrong with a workload, worst first: the order in which one of several symptoms is chosen as the cause. */
export const symptomKinds = [
  'hook-failed',
  'job-failed',
  'image-pull',
  'container-config',
  'crash-loop',
  'crashed',
  'not-created',
  'volume',
  'unschedulable',
  'not-ready',
] as const;
export type SymptomKind = (typeof symptomKinds)[number];

/** Something wrong that the cluster shows of a workload. */
export interface Symptom {
  readonly kind: SymptomKind;
  readonly workload: Workload;
  /** Same key, same trouble: how long it lasts is counted by it. */
  readonly key: string;
  readonly pod?: Pod;
  readonly container?: string;
  /** Image of the container, as the pod asks for it. */
  readonly image?: string;
  /** One line, to follow the workload's name in a verdict: `cannot pull registry/x:1: not found`. */
  readonly summary: string;
  /** The cluster's own words. */
  readonly details: readonly string[];
  /** True for a pod that was there before helm came: it may be of the version before. */
  readonly stale?: boolean;
  /** True when waiting cannot help, however short it has lasted. */
  readonly final?: boolean;
}

/** How long trouble of each kind may last, in ms, before an install is given up; kinds that are absent wait for helm's own timeout. */
export type Patience = Readonly<Partial<Record<SymptomKind, number>>>;

/**
 * The kubelet tries a pull again after 10 s; a Secret may be made by another object of the release; an autoscaler needs a minute for
 * a node. A crash loop is a symptom only from its third restart on, after about a minute.
 */
export const defaultPatience: Patience = {
  // Helm sees these itself and ends in a moment; it is only stopped if it does not.
  'hook-failed': 8_000,
  'job-failed': 8_000,
  'image-pull': 15_000,
  'container-config': 15_000,
  'crash-loop': 0,
  'not-created': 20_000,
  volume: 60_000,
  unschedulable: 90_000,
};

/** What is of this install first, the worse of two first; equal ones keep their order. */
export function bySeverity(a: Symptom, b: Symptom): number {
  return Number(a.stale === true) - Number(b.stale === true) || symptomKinds.indexOf(a.kind) - symptomKinds.indexOf(b.kind);
}
