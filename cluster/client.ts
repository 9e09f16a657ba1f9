import { setTimeout as sleep } from 'node:timers/promises';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { refusedStatus } from './cluster-error.ts';
import { type Connect, type Connection, connectCluster } from './connection.ts';
import type { KubernetesObject } from './objects.ts';
import { type Resource, resourceOf, resourcePath } from './resources.ts';

interface Signal {
  readonly signal: AbortSignal;
}

/** Which objects: a kind, in one namespace or (cluster-scoped kinds, or all namespaces) in none. */
export interface Collection {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
}

export interface ListOptions extends Signal {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Only metadata is sent: for Secrets whose payload we neither need nor want. */
  readonly metadataOnly?: boolean;
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T;
}

export interface LogOptions extends Signal {
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly tailLines?: number;
}

/** A Kubernetes cluster, generic over kinds. Every method throws CLUSTER_UNREACHABLE, RIGHTS_MISSING or CLUSTER_FAILED. */
export interface Cluster {
  /** URL of the API server. */
  readonly server: string;
  /** Namespace of the pod we run in, or of the kubeconfig's context. */
  readonly namespace: string;
  /** One request of our own making: the parsed answer. */
  request<T>(method: string, path: string, options: Signal & { readonly body?: unknown; readonly accept?: string }): Promise<T>;
  /** The object, or undefined where there is none of that name. */
  get<T>(collection: Collection, name: string, options: Signal): Promise<T | undefined>;
  list<T>(
    collection: Collection,
    options: ListOptions,
  ): Promise<{ readonly items: readonly T[]; readonly resourceVersion: string }>;
  create<T>(object: KubernetesObject, options: Signal): Promise<T>;
  /** Replaces the object; fails with CLUSTER_FAILED when its `resourceVersion` is not the newest. */
  replace<T>(object: KubernetesObject, options: Signal): Promise<T>;
  /** Server-side apply as field manager `diolkos`, taking over conflicting fields. */
  apply<T>(object: KubernetesObject, options: Signal): Promise<T>;
  /** True when there was one to delete. Dependents go in the background. */
  delete(collection: Collection, name: string, options: Signal): Promise<boolean>;
  /** What changes after `resourceVersion`, until the server ends the watch (some minutes); the caller lists and watches again. */
  watch<T>(collection: Collection, resourceVersion: string, options: Signal): AsyncIterable<WatchEvent<T>>;
  /** Lines of a container's log. With `follow` it ends when the container does. */
  logs(namespace: string, pod: string, container: string, options: LogOptions): AsyncIterable<string>;
  close(): void;
}

/**
 * The cluster that the kubeconfig names (`KUBECONFIG`, `~/.kube/config`) or, in a pod without one, the cluster the pod runs in.
 * Loads the client library on the way, which costs 0.35 s and 85 MB: call it only when a cluster is needed.
 */
export async function openCluster(connect: Connect = {}): Promise<Cluster> {
  return new ApiCluster(await connectCluster(connect));
}

const requestTimeoutMs = 30_000;
const retryDelaysMs: readonly number[] = [300, 1_000, 3_000];

class ApiCluster implements Cluster {
  readonly server: string;
  readonly namespace: string;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.server = connection.server;
    this.namespace = connection.namespace;
  }

  async request<T>(
    method: string,
    path: string,
    options: Signal & { readonly body?: unknown; readonly accept?: string; readonly contentType?: string },
  ): Promise<T> {
    const { body, accept, contentType = 'application/json', signal } = options;
    return await retried(signal, async () => {
      const response = await this.#connection.send({
        method,
        path,
        signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
        headers: { accept: accept ?? 'application/json', ...(body === undefined ? {} : { 'content-type': contentType }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return JSON.parse(await response.text()) as T;
    });
  }

  async get<T>(collection: Collection, name: string, options: Signal): Promise<T | undefined> {
    try {
      return await this.request<T>('GET', pathOf(collection, name), options);
    } catch (error) {
      if (refusedStatus(error) === 404) return undefined;
      throw error;
    }
  }

  async list<T>(collection: Collection, options: ListOptions): Promise<{ items: readonly T[]; resourceVersion: string }> {
    const query = queryOf({ labelSelector: options.labelSelector, fieldSelector: options.fieldSelector });
    const list = await this.request<{ items?: T[]; metadata?: { resourceVersion?: string } }>('GET', pathOf(collection) + query, {
      signal: options.signal,
      ...(options.metadataOnly ? { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' } : {}),
    });
    return { items: list.items ?? [], resourceVersion: list.metadata?.resourceVersion ?? '' };
  }

  async create<T>(object: KubernetesObject, { signal }: Signal): Promise<T> {
    return await this.request<T>('POST', pathOf(collectionOf(object)), { body: object, signal });
  }

  async replace<T>(object: KubernetesObject, { signal }: Signal): Promise<T> {
    return await this.request<T>('PUT', pathOf(collectionOf(object), object.metadata.name), { body: object, signal });
  }

  async apply<T>(object: KubernetesObject, { signal }: Signal): Promise<T> {
    const path = `${pathOf(collectionOf(object), object.metadata.name)}?fieldManager=diolkos&force=true`;
    return await this.request<T>('PATCH', path, { body: object, contentType: 'application/apply-patch+yaml', signal });
  }

  async delete(collection: Collection, name: string, { signal }: Signal): Promise<boolean> {
    try {
      await this.request('DELETE', pathOf(collection, name), { body: { propagationPolicy: 'Background' }, signal });
      return true;
    } catch (error) {
      if (refusedStatus(error) === 404) return false;
      throw error;
    }
  }

  async *watch<T>(collection: Collection, resourceVersion: string, { signal }: Signal): AsyncIterable<WatchEvent<T>> {
    const query = queryOf({ watch: '1', allowWatchBookmarks: 'true', timeoutSeconds: '290', resourceVersion });
    const response = await this.#connection.send({ method: 'GET', path: pathOf(collection) + query, signal, headers: {} });
    for await (const line of response.lines()) yield JSON.parse(line) as WatchEvent<T>;
  }

  async *logs(namespace: string, pod: string, container: string, options: LogOptions): AsyncIterable<string> {
    const path = `${pathOf({ apiVersion: 'v1', kind: 'Pod', namespace }, pod)}/log`;
    const query = queryOf({
      container,
      follow: options.follow ? 'true' : undefined,
      previous: options.previous ? 'true' : undefined,
      tailLines: options.tailLines?.toString(),
    });
    const response = await this.#connection.send({ method: 'GET', path: path + query, signal: options.signal, headers: {} });
    yield* response.lines();
  }

  close(): void {
    this.#connection.close();
  }
}

function collectionOf(object: KubernetesObject): Collection {
  const { apiVersion, kind, metadata } = object;
  return { apiVersion, kind, ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }) };
}

function pathOf({ apiVersion, kind, namespace }: Collection, name?: string): string {
  const resource: Resource = resourceOf(apiVersion, kind);
  return resourcePath(resource, namespace, name);
}

function queryOf(parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

/** API servers restart and throttle; every call we make may be sent twice without harm. */
async function retried<T>(signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (const delayMs of retryDelaysMs) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!isTransient(error)) throw error;
      await sleep(delayMs, undefined, { signal });
    }
  }
  return await attempt();
}

function isTransient(error: unknown): boolean {
  if (error instanceof BundleError && error.code === 'CLUSTER_UNREACHABLE') return true;
  const status = refusedStatus(error);
  return status === 429 || (status !== undefined && status >= 500);
}
