import { setTimeout as sleep } from 'node:timers/promises';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Cluster, Collection } from './client.ts';
import type { Metadata } from './objects.ts';

interface Watched {
  readonly metadata: Metadata;
}

export interface WatchCollectionOptions<T> {
  readonly signal: AbortSignal;
  /** Called for each object that is new or changed after the first list, and with `deleted` for one that went. */
  readonly onChange: (object: T, deleted: boolean) => void;
}

/** All objects of a collection, kept up to date until the signal aborts: lists, watches, and lists again whenever a watch ends. */
export class CollectionWatch<T extends Watched> {
  /** Newest state of what exists, by uid. */
  readonly objects = new Map<string, T>();
  /** Uids that existed when the watch began. */
  readonly before = new Set<string>();
  readonly #cluster: Cluster;
  readonly #collection: Collection;
  readonly #options: WatchCollectionOptions<T>;
  #following: Promise<void> = Promise.resolve();

  constructor(cluster: Cluster, collection: Collection, options: WatchCollectionOptions<T>) {
    this.#cluster = cluster;
    this.#collection = collection;
    this.#options = options;
  }

  /** Resolves once the first list is there; the following goes on by itself. Throws what `Cluster.list` throws. */
  async start(): Promise<void> {
    const { items, resourceVersion } = await this.#cluster.list<T>(this.#collection, this.#options);
    for (const item of items) {
      this.objects.set(keyOf(item), item);
      this.before.add(keyOf(item));
    }
    this.#following = this.#follow(resourceVersion).catch(() => {
      // Aborted, or the right was taken away: what was seen stays.
    });
  }

  /** Resolves when nothing is read any more, which the signal has to ask for. */
  async ended(): Promise<void> {
    await this.#following;
  }

  async #follow(from: string): Promise<void> {
    const { signal } = this.#options;
    for (let resourceVersion: string | undefined = from; ; ) {
      if (resourceVersion !== undefined) await this.#watchOnce(resourceVersion);
      await sleep(500, undefined, { signal });
      resourceVersion = await this.#listAgain();
    }
  }

  /** Returns when the server ends the watch or the connection breaks: either way the state has to be listed anew. */
  async #watchOnce(resourceVersion: string): Promise<void> {
    const { signal } = this.#options;
    try {
      for await (const { type, object } of this.#cluster.watch<T>(this.#collection, resourceVersion, { signal })) {
        if (type === 'ERROR') return;
        if (type !== 'BOOKMARK') this.#see(object, type === 'DELETED');
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof BundleError && error.code === 'RIGHTS_MISSING') throw error;
    }
  }

  async #listAgain(): Promise<string | undefined> {
    const { signal } = this.#options;
    try {
      const { items, resourceVersion } = await this.#cluster.list<T>(this.#collection, { signal });
      const seen = new Set(items.map(keyOf));
      for (const item of items) this.#see(item, false);
      for (const [key, object] of this.objects) if (!seen.has(key)) this.#see(object, true);
      return resourceVersion;
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
  }

  #see(object: T, deleted: boolean): void {
    if (deleted) this.objects.delete(keyOf(object));
    else this.objects.set(keyOf(object), object);
    this.#options.onChange(object, deleted);
  }
}

function keyOf({ metadata }: Watched): string {
  return metadata.uid ?? metadata.name;
}
