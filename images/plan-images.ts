import pLimit from 'p-limit';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Digest, Platform } from '../bundle-spec/names.ts';
import { type ImagePlan, type Located, planImage } from './image-plan.ts';
import { formatReference, type Reference } from './reference.ts';
import type { Abortable } from './registry.ts';
import { TagMissing } from './tag-stem.ts';

/** One image to plan. */
export interface PlanRequest {
  readonly reference: Reference;
  /** `source` of a lock: pulled instead of what the tag names today. */
  readonly locked?: Digest;
  /** Values bring whatever digest is stored for a reference that has one. Default false. */
  readonly digestFromValues?: boolean;
  /** Another request brings it with a completed tag, so a registry that has no such tag is no failure: there is no plan of it then. */
  readonly isStem?: boolean;
}

export interface PlanImagesOptions extends Abortable {
  /** Says where a reference's bytes are. */
  readonly locate: (reference: Reference) => Located;
  readonly platforms: readonly Platform[];
  /** Images asked about at the same time. Default 8. */
  readonly concurrency?: number;
  /** Told of every image as it is planned. */
  readonly onPlanned?: (plan: ImagePlan) => void;
}

/**
 * Plans all images, in the order given, but for stems that are no images. What cannot be had is told in one error that lists every failure; its code is that of the
 * first. Nothing but manifests and configs is fetched.
 */
export async function planImages(requests: readonly PlanRequest[], options: PlanImagesOptions): Promise<readonly ImagePlan[]> {
  const { locate, platforms, concurrency = 8, onPlanned, signal } = options;
  const limit = pLimit(concurrency);
  const plans: (ImagePlan | undefined)[] = [];
  const failures: Failure[] = [];
  const planOne = async ({ reference, locked, isStem, digestFromValues = false }: PlanRequest, index: number): Promise<void> => {
    try {
      signal.throwIfAborted();
      const plan = await planImage(locate(reference), reference, {
        platforms,
        digestFromValues,
        signal,
        ...(locked && { locked }),
      });
      plans[index] = plan;
      onPlanned?.(plan);
    } catch (error) {
      if (signal.aborted || !(error instanceof BundleError)) throw error;
      if (isStem === true && error instanceof TagMissing) return;
      failures.push({ index, reference, error: locked === undefined ? explainStem(reference, error) : explainLocked(error) });
    }
  };
  await Promise.all(requests.map((request, index) => limit(planOne, request, index)));
  if (failures.length > 0) throw allFailures(failures, requests.length);
  return plans.filter((plan) => plan !== undefined);
}

interface Failure {
  readonly index: number;
  readonly reference: Reference;
  readonly error: BundleError;
}

function explainLocked(error: BundleError): BundleError {
  if (error.code !== 'REGISTRY_NOT_FOUND') return error;
  const hint = 'the lock names a digest that the registry no longer has: build once without --locked';
  return new BundleError(error.code, error.message, { hint, cause: error });
}

/** An operator that completes the tag for each node names no image by itself. */
function explainStem(reference: Reference, error: BundleError): BundleError {
  const [completed] = error instanceof TagMissing ? error.completed : [];
  if (completed === undefined) return error;
  const stem = formatReference(reference);
  const extra = formatReference({ ...reference, tag: completed });
  const hint = `${error.hint}; if a program completes the tag for each node, add those of yours to the spec, such as images: { extra: ["${extra}"] }; if nothing pulls it, images: { ignore: ["${stem}"] }`;
  return new BundleError(error.code, error.message, { hint, cause: error });
}

/** A registry that cannot be reached is told without the image that made us ask it. */
function namingImage({ reference, error }: Failure): BundleError {
  if (error.message.includes(reference.repository)) return error;
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return new BundleError(error.code, `${formatReference(reference)}: ${error.message}`, { ...hint, cause: error });
}

function allFailures(unsorted: readonly Failure[], total: number): BundleError {
  const failures = unsorted.toSorted((a, b) => a.index - b.index);
  const [first] = failures;
  if (first === undefined) return new BundleError('REGISTRY_FAILED', 'no image');
  if (failures.length === 1) return namingImage(first);
  // A registry that is down is one fact, however many images it has.
  const facts = new Map<string, { readonly error: BundleError; readonly names: string[] }>();
  for (const { reference, error } of failures) {
    const fact = facts.get(error.message) ?? { error, names: [] };
    fact.names.push(formatReference(reference));
    facts.set(error.message, fact);
  }
  const lines = [...facts.values()].map(({ error, names }) => {
    const hint = error.hint === undefined ? '' : `\n    ${error.hint}`;
    return `  ${about(names, error)}${error.message} [${error.code}]${hint}`;
  });
  const message = `${failures.length} of ${total} images cannot be had:\n${lines.join('\n')}`;
  return new BundleError(first.error.code, message, { cause: new AggregateError(failures.map(({ error }) => error)) });
}

function about(names: readonly string[], error: BundleError): string {
  const [first = ''] = names;
  if (names.length === 1) return error.message.startsWith(first) ? '' : `${first}: `;
  return `${names.length} images (${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}): `;
}
