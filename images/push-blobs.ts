import type { Digest } from '../bundle-spec/names.ts';
import type { BundleFile } from './bundle-reader.ts';
import type { Descriptor } from './descriptor.ts';
import { eachLimited } from './each-limited.ts';
import type { PushItem } from './push-plan.ts';
import type { Registry } from './registry.ts';

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
  /** A repository that is known to have it. */
  readonly holder?: string;
}

/** Below this size, in bytes, asking several repositories costs more than an upload that was not needed. */
const worthAsking = 1 << 20;

/** All blobs of `items`, each once, the largest first. */
export function planBlobs(items: readonly PushItem[], holders: ReadonlyMap<Digest, string>): BlobTask[] {
  const tasks = new Map<Digest, { readonly descriptor: Descriptor; readonly repositories: Set<string> }>();
  for (const { blobs, local } of items) {
    for (const descriptor of blobs) {
      const task = tasks.get(descriptor.digest) ?? { descriptor, repositories: new Set() };
      task.repositories.add(local.repository);
      tasks.set(descriptor.digest, task);
    }
  }
  return [...tasks.values()]
    .map(({ descriptor, repositories }) => ({ descriptor, repositories: [...repositories], ...holderIn(holders, descriptor) }))
    .sort((a, b) => b.descriptor.size - a.descriptor.size);
}

function holderIn(holders: ReadonlyMap<Digest, string>, { digest }: Descriptor): { readonly holder?: string } {
  const holder = holders.get(digest);
  return holder === undefined ? {} : { holder };
}

/** Makes every repository hold its blobs. Each blob is read from the bundle and sent at most once where the registry can mount. */
export async function pushBlobs(
  bundle: BundleFile,
  registry: Registry,
  tasks: readonly BlobTask[],
  options: BlobEvents & { readonly signal: AbortSignal; readonly concurrency: number },
): Promise<void> {
  const push = (task: BlobTask, own: { readonly signal: AbortSignal }) =>
    pushBlob(bundle, registry, task, { ...options, ...own });
  await eachLimited(tasks, options.concurrency, push, options);
}

/** Sent to the first repository, unless any has it, and mounted from there by the others. */
async function pushBlob(
  bundle: BundleFile,
  registry: Registry,
  task: BlobTask,
  { signal, onSent, onBlob }: BlobEvents & { readonly signal: AbortSignal },
): Promise<void> {
  const { descriptor, repositories } = task;
  let mountFrom = task.holder ?? (await findHolder(registry, task, signal));
  for (const repository of repositories) {
    const outcome = await registry.pushBlob(repository, descriptor, () => bundle.streamBlob(descriptor.digest, { signal }), {
      signal,
      ...(mountFrom === undefined || mountFrom === repository ? {} : { mountFrom }),
      onSent: (bytes) => onSent(descriptor.digest, bytes),
    });
    mountFrom ??= repository;
    onBlob(descriptor, outcome);
  }
}

/** The first repository is asked when the blob is pushed to it. */
async function findHolder(
  registry: Registry,
  { descriptor, repositories }: BlobTask,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (descriptor.size < worthAsking) return undefined;
  for (const repository of repositories.slice(1)) {
    if (await registry.hasBlob(repository, descriptor.digest, { signal })) return repository;
  }
  return undefined;
}
