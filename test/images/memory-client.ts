import type { IncomingMessage } from 'node:http';
import type { TestContext } from 'node:test';
import type { HeldDocument } from '../../images/descriptor.ts';
import { openRegistry, type Registry } from '../../images/registry/registry.ts';
import type { Credentials } from '../../images/registry/registry-access.ts';
import type { ClientOptions } from '../../images/registry/registry-client.ts';
import { type MemoryOptions, type MemoryRegistry, startMemoryRegistry } from '../registries/memory-registry.ts';
import { type Reply, sendReply } from '../registries/reply.ts';

export interface MemoryClient {
  readonly memory: MemoryRegistry;
  readonly registry: Registry;
  /** `METHOD /path?query` of every request so far, digests shortened. */
  wire(): string[];
}

export interface MemoryClientOptions extends MemoryOptions {
  readonly credentials?: Credentials;
  readonly client?: ClientOptions;
}

/** The memory registry and our client on it; pauses between attempts are short. */
export async function startMemoryClient(t: TestContext, options: MemoryClientOptions = {}): Promise<MemoryClient> {
  const memory = await startMemoryRegistry(options);
  t.after(() => memory.stop());
  const { user } = options;
  const credentials = options.credentials ?? (user && { from: 'the test', ...user });
  const access = { host: memory.host, plainHttp: options.tls !== true, ...(memory.ca === undefined ? {} : { ca: memory.ca }) };
  const retry = { baseMs: 5, tries: 5, ...options.client?.retry };
  const registry = openRegistry({ ...access, credentials: async () => credentials }, { ...options.client, retry });
  t.after(() => registry.close());
  const wire = () =>
    memory.requests.map(({ method, url }) => `${method} ${url.replace(/sha256(:|%3A)([0-9a-f]{4})[0-9a-f]{60}/g, 'sha256:$2')}`);
  return { memory, registry, wire };
}

/** Answers requests that match with these replies, one each, and lets all others pass. */
export function script(method: string, path: RegExp, replies: readonly Reply[]): NonNullable<MemoryOptions['intercept']> {
  const left = [...replies];
  return (request, response) => {
    const next = matches(request, method, path) ? left.shift() : undefined;
    if (next === undefined) return false;
    sendReply(request, response, next);
    return true;
  };
}

export function matches(request: IncomingMessage, method: string, path: RegExp): boolean {
  return request.method === method && path.test(request.url ?? '');
}

/** Puts a blob into the store as if it had been pushed. */
export function seedBlob({ store }: MemoryRegistry, repository: string, { bytes }: HeldDocument): void {
  store.putBlob(repository, bytes);
}
