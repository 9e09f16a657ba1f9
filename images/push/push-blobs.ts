import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import type { BundleFile } from '../bundle/bundle-reader.ts';
import type { Descriptor } from '../descriptor.ts';
import { eachLimited } from '../each-limited.ts';
import { type BlobBody, extentsBody } from '../registry/blob-body.ts';
import type { Registry } from '../registry/registry.ts';
import { settled } from '../settled.ts';
import { remoteBody } from './check-base.ts';
import type { PushItem } from './push-plan.ts';

/** How a repository came to have a blob. */
export type BlobOutcome = 'present' | 'mounted' | 'pushed';

export interface BlobEvents {
  /** Bytes handed to the socket; those of a repeated upload count again. */
  readonly onSent: (digest: Digest, bytes: number) => void;
  readonly onBlob: (descriptor: Descriptor, outcome: BlobOutcome) => void;
}

/** One blob and the repositories that need it. */
export interface BlobTask {
  readonly descriptor: Descriptor;
  readonly repositories: readonly string[];
  /** What needs it, in the words of the user. */
  readonly names: readonly string[];
  /** Repositories that are known to have it. */
  readonly holders: ReadonlySet<string>;
}

/** Which repositories certainly have a blob. */
export type Holders = ReadonlyMap<Digest, ReadonlySet<string>>;

interface Push extends BlobEvents {
  readonly bundle: BundleFile;
  readonly registry: Registry;
  readonly signal: AbortSignal;
  /** Large blobs at the same time; see `lanesOf`. */
  readonly concurrency: number;
}

/** Below this size, in bytes, a blob costs round trips rather than bandwidth, and asking several repositories for it costs more than to send it. */
const smallBlob = 1 << 20;

/** Repositories that are asked whether they have a blob. */
const mostAsked = 8;

/** Questions and small things at the same time, beside `concurrency` large blobs: they are bound by latency, not by bandwidth. One stays one. */
export const lanesOf = (concurrency: number): number => 4 * concurrency - 3;

/** All blobs of `items`, each once, the largest first. */
export function planBlobs(items: readonly PushItem[], holders: Holders): BlobTask[] {
  const tasks = new Map<Digest, { descriptor: Descriptor; repositories: Set<string>; names: Set<string> }>();
  for (const { blobs, local, name } of items) {
    for (const descriptor of blobs) {
      const task = tasks.get(descriptor.digest) ?? { descriptor, repositories: new Set(), names: new Set() };
      task.repositories.add(local.repository);
      task.names.add(name);
      tasks.set(descriptor.digest, task);
    }
  }
  return [...tasks.values()]
    .map(({ descriptor, repositories, names }) => ({
      descriptor,
      repositories: [...repositories],
      names: [...names],
      holders: holders.get(descriptor.digest) ?? none,
    }))
    .sort((a, b) => b.descriptor.size - a.descriptor.size);
}

const none: ReadonlySet<string> = new Set();

/**
 * Makes every repository hold its blobs. Each blob is read from the bundle and sent at most once where the registry can mount. Throws
 * BUNDLE_DAMAGED with the images that need the damaged blob, and what registries throw.
 */
export async function pushBlobs(
  bundle: BundleFile,
  registry: Registry,
  tasks: readonly BlobTask[],
  options: BlobEvents & { readonly signal: AbortSignal; readonly concurrency: number },
): Promise<void> {
  const { concurrency } = options;
  const lanes = [
    { tasks: tasks.filter(({ descriptor }) => descriptor.size > smallBlob), limit: concurrency },
    { tasks: tasks.filter(({ descriptor }) => descriptor.size <= smallBlob), limit: lanesOf(concurrency) },
  ];
  const push = (task: BlobTask, { signal }: { readonly signal: AbortSignal }) =>
    pushBlob({ ...options, bundle, registry, signal }, task);
  // A single one at a time is a single one: nothing small beside it.
  await eachLimited(
    lanes,
    Math.min(concurrency, lanes.length),
    (lane, own) => eachLimited(lane.tasks, lane.limit, push, own),
    options,
  );
}

/** Sent to the first repository, unless any has it, and mounted from there by the others. */
async function pushBlob(push: Push, task: BlobTask): Promise<void> {
  const holders = new Set(task.holders.size > 0 ? task.holders : await findHolders(push, task));
  const lacking = task.repositories.filter((repository) => !holders.has(repository));
  for (const _ of task.repositories.slice(lacking.length)) push.onBlob(task.descriptor, 'present');
  const [first, ...others] = lacking;
  if (first === undefined) return;
  await pushTo(push, task, first, holders);
  if (others.length === 0) return;
  holders.add(first);
  await eachLimited(
    others,
    push.concurrency,
    (repository, { signal }) => pushTo({ ...push, signal }, task, repository, holders),
    push,
  );
}

async function pushTo(push: Push, task: BlobTask, repository: string, holders: ReadonlySet<string>): Promise<void> {
  const { registry, signal, onSent, onBlob } = push;
  const { descriptor } = task;
  const mountFrom = nearest(repository, holders);
  const outcome = await registry.pushBlob(repository, descriptor, bodyOf(push, task), {
    signal,
    ...(mountFrom === undefined ? {} : { mountFrom }),
    onSent: (bytes) => onSent(descriptor.digest, bytes),
  });
  onBlob(descriptor, outcome);
}

/** The bytes go from the file to the socket without a look at them; only when a registry finds them wrong are they hashed. */
function bodyOf({ bundle, registry }: Push, { descriptor, names, holders }: BlobTask): BlobBody {
  const part = bundle.blobs.get(descriptor.digest);
  const [holder] = holders;
  if (part === undefined && holder !== undefined) return remoteBody(registry, holder, descriptor);
  if (part === undefined) throw new BundleError('BUNDLE_INVALID', `${bundle.path} has no blob ${descriptor.digest}`);
  const prove: BlobBody['prove'] = async ({ signal }) => {
    try {
      for await (const _ of bundle.streamPart(part, { signal }));
    } catch (error) {
      throw error instanceof BundleError ? withNames(error, names) : error;
    }
  };
  const body = extentsBody(bundle.extents(part), descriptor, prove);
  return {
    ...body,
    async *open(from, size, options) {
      try {
        yield* body.open(from, size, options);
      } catch (error) {
        // What the disk or the file's end has to say is said better by the bundle.
        if (!options.signal.aborted) await prove(options);
        throw error;
      }
    },
  };
}

function withNames(error: BundleError, names: readonly string[]): BundleError {
  const more = names.length > 3 ? `, and ${names.length - 3} more` : '';
  return new BundleError(error.code, `${error.message}; it is needed by ${names.slice(0, 3).join(', ')}${more}`, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    cause: error,
  });
}

/** The first repository is asked when the blob is pushed to it. */
async function findHolders({ registry, signal }: Push, task: BlobTask): Promise<readonly string[]> {
  const { descriptor, repositories } = task;
  if (descriptor.size <= smallBlob) return [];
  const asked = repositories.slice(1, mostAsked);
  const held = await settled(
    asked.map((repository) => registry.hasBlob(repository, descriptor.digest, { signal, right: 'push' })),
  );
  return asked.filter((_, index) => held[index]);
}

/** The repository with the longest path in common: the likeliest to share a project and the rights in it. */
function nearest(repository: string, holders: ReadonlySet<string>): string | undefined {
  const path = repository.split('/');
  const common = (other: string) => {
    const parts = other.split('/');
    const end = parts.findIndex((part, index) => part !== path[index]);
    return end === -1 ? parts.length : end;
  };
  let best: string | undefined;
  for (const holder of holders) if (best === undefined || common(holder) > common(best)) best = holder;
  return best;
}
