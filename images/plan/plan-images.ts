import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest, Platform } from '../../bundle-spec/names.ts';
import { eachLimited } from '../each-limited.ts';
import { formatReference, type Reference } from '../reference.ts';
import type { Abortable } from '../registry/registry.ts';
import { type ImagePlan, type Located, type PlanOptions, planImage } from './image-plan.ts';
import { planningSource } from './planning-source.ts';
import { TagMissing } from './tag-stem.ts';

/** One image to plan; the options are those of `planImage`. */
export interface PlanRequest
  extends Pick<PlanOptions, 'locked' | 'lockedAttached' | 'digestFromValues' | 'sparse' | 'attestations' | 'attached'> {
  readonly reference: Reference;
  /** Another request brings it with a completed tag, so a registry that has no such tag is no failure: there is no plan of it then. */
  readonly isStem?: boolean;
}

export interface PlanImagesOptions extends Abortable {
  /** Says where a reference's bytes are. */
  readonly locate: (reference: Reference) => Located;
  readonly platforms: readonly Platform[];
  /** Requests under way at the same time, over all images. Default 16. */
  readonly concurrency?: number;
  /** Told of every image as it is planned. */
  readonly onPlanned?: (plan: ImagePlan) => void;
}

/** Images begun at the same time: while one waits for an answer, the requests of others fill the limit. */
const imagesAtOnce = 64;

/**
 * Plans all images, in the order given, but for stems that are no images. What cannot be had, and blobs to which two images give other
 * sizes, are told in one error that lists every failure; its code is that of the first. Nothing but manifests and configs is fetched,
 * each once; all work has ended when this returns or throws.
 */
export async function planImages(requests: readonly PlanRequest[], options: PlanImagesOptions): Promise<readonly ImagePlan[]> {
  const { locate, platforms, concurrency = 16, onPlanned, signal } = options;
  const gently = planningSource(concurrency);
  const plans: (ImagePlan | undefined)[] = [];
  const failures: Failure[] = [];
  const planOne = async (index: number, own: Abortable): Promise<void> => {
    const { reference, isStem, ...wanted } = requests[index] as PlanRequest;
    const located = locate(reference);
    try {
      const plan = await planImage(gently(located), reference, { ...wanted, platforms, signal: own.signal });
      plans[index] = { ...plan, located };
      onPlanned?.(plan);
    } catch (error) {
      if (own.signal.aborted || !(error instanceof BundleError)) throw error;
      if (isStem === true && error instanceof TagMissing) return;
      failures.push({
        index,
        reference,
        error: wanted.locked === undefined ? explainStem(reference, error) : explainLocked(error),
      });
    }
  };
  await eachLimited([...requests.keys()], imagesAtOnce, planOne, { signal });
  failures.push(...sizeConflicts(plans));
  if (failures.length > 0) throw allFailures(failures, requests.length);
  return plans.filter((plan) => plan !== undefined);
}

/** A blob has one place in the file, and that has one size. */
function sizeConflicts(plans: readonly (ImagePlan | undefined)[]): Failure[] {
  const sizes = new Map<Digest, { readonly size: number; readonly reference: Reference }>();
  const failures: Failure[] = [];
  for (const [index, plan] of plans.entries()) {
    if (plan === undefined) continue;
    const { reference } = plan;
    for (const { digest, size } of [plan, ...plan.attached].flatMap(({ blobs }) => blobs)) {
      const known = sizes.get(digest) ?? { size, reference };
      sizes.set(digest, known);
      if (known.size === size) continue;
      const message = `${formatReference(reference)} says that ${digest} has ${size} bytes, ${formatReference(known.reference)} says ${known.size}`;
      const hint = 'one of the two manifests lies; no registry can serve both images';
      failures.push({ index, reference, error: new BundleError('SIZE_MISMATCH', message, { hint }) });
      break;
    }
  }
  return failures;
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
