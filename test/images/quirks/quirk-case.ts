import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { ClientOptions } from '../../../images/registry/registry-client.ts';
import { openTransfers, type Transfers } from '../../../images/transfer/transfers.ts';
import { held, noise } from '../../registries/sample-images.ts';
import { pullInOrder, pullToFile, pushBytes } from '../blob-calls.ts';
import { type MemoryClient, type MemoryClientOptions, seedBlob } from '../memory-client.ts';

/** One way of a registry, and what must come of it. */
export interface QuirkCase {
  /** A sentence. Where the way is that of one registry, it begins with its name. */
  readonly name: string;
  /** Made anew for each test: quirks count. */
  readonly registry: (t: TestContext) => MemoryClientOptions | Promise<MemoryClientOptions>;
  readonly work: (client: MemoryClient, t: TestContext) => Promise<void>;
}

/** What is pulled and pushed by most cases. */
export const blob = held('application/octet-stream', noise('quirks', 400_000));

type Pull = typeof pullToFile;

/** One for all cases; to be closed after them. */
export const transfers: Transfers = openTransfers({ threads: 1 });

/** The case three times: pulled into a file, by a thread or without, and in order. */
export function pullCases(
  name: string,
  registry: QuirkCase['registry'],
  work: (pull: () => ReturnType<Pull>, client: MemoryClient, t: TestContext) => Promise<void>,
): QuirkCase[] {
  const ways: readonly [string, Pull, Pick<ClientOptions, 'transfers'>][] = [
    ['into a file', pullToFile, {}],
    ['into a file, by a thread', pullToFile, { transfers }],
    ['in order', pullInOrder, {}],
  ];
  return ways.map(([way, pull, client]) => ({
    name: `${name} (${way})`,
    registry: async (t) => {
      const options = await registry(t);
      return { ...options, client: { ...options.client, ...client } };
    },
    work: async (client, t) => {
      seedBlob(client.memory, 'a', blob);
      await work(() => pull(client.registry, 'a', blob, t), client, t);
    },
  }));
}

/** The pull ends whole, and asks for these ranges on its way. */
export function whole(ranges?: readonly (string | undefined)[]): Parameters<typeof pullCases>[2] {
  return async (pull, { memory }) => {
    assert.ok((await pull()).equals(blob.bytes));
    if (ranges === undefined) return;
    const asked = memory.requests.filter(({ url }) => url.includes('/blobs/sha256')).map(({ headers }) => headers.range);
    // A reset may take what had arrived and was not read yet with it.
    assert.deepEqual(
      asked.map((range) => range?.replace(/\d+/, 'n')),
      ranges,
    );
  };
}

/** The pull fails so. */
export function fails(expected: object, mostRequests = 20): Parameters<typeof pullCases>[2] {
  return async (pull, { memory }) => {
    await assert.rejects(pull(), expected);
    assert.ok(memory.requests.length <= mostRequests, `${memory.requests.length} requests`);
  };
}

/** The blob is pushed, and these are the requests: method, and a letter for the query. */
export function pushed(wire?: readonly string[], outcome = 'pushed'): QuirkCase['work'] {
  return async ({ registry, memory, wire: seen }, t) => {
    assert.equal(await pushBytes(registry, 'a', blob, t), outcome);
    assert.ok(memory.store.blob('a', blob.descriptor.digest)?.equals(blob.bytes));
    if (wire !== undefined) assert.deepEqual(methods(seen()), wire);
  };
}

/** The push fails so. */
export function refused(expected: object): QuirkCase['work'] {
  return async ({ registry, memory }, t) => {
    await assert.rejects(pushBytes(registry, 'a', blob, t), expected);
    assert.equal(memory.store.blob('a', blob.descriptor.digest), undefined);
  };
}

/** Methods alone, of requests to the registry itself. */
export function methods(wire: readonly string[]): string[] {
  return wire.filter((line) => line.includes(' /v2/')).map((line) => line.split(' ')[0] ?? '');
}
