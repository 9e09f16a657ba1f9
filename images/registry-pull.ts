import { setTimeout as sleep } from 'node:timers/promises';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { BlobIntake } from './blob-intake.ts';
import type { BlobSink, WriteChunk } from './blob-source.ts';
import { connectionFailure, connectionTrouble } from './connection-failure.ts';
import type { Descriptor } from './descriptor.ts';
import { sinkWriter } from './place-writer.ts';
import type { Abortable } from './registry.ts';
import { pullScope, type RegistryClient } from './registry-client.ts';
import { type Answer, discard, header } from './registry-transport.ts';

/** A connection that brought this much before it was lost was worth its while: the count of failures begins anew. Bytes. */
const progressSize = 64 << 10;

/** Default limit of a blob held in memory. */
const smallBlobLimit = 4 << 20;

/**
 * Brings one blob from a registry to `sink`, verified, resumed by Range where a connection is lost. The registry is asked again for
 * each part, never the place it redirected to: such URLs expire.
 */
export async function pullBlob(
  client: RegistryClient,
  repository: string,
  descriptor: Descriptor,
  sink: BlobSink,
  { signal }: Abortable,
): Promise<void> {
  const intake = new BlobIntake(descriptor, `${client.host}/${repository}`, sinkWriter(sink, descriptor));
  try {
    let failed = 0;
    while (!intake.complete) {
      const begin = intake.received;
      const trouble = await pullPart(client, repository, descriptor, intake, signal);
      if (trouble === undefined) continue;
      failed = intake.received - begin >= progressSize ? 1 : failed + 1;
      const pauseMs = client.gate.pauseAfter({ connection: 'dropped' }, failed);
      if (pauseMs === undefined) throw await connectionFailure(client.host, client.base, 'dropped', trouble.error);
      await sleep(pauseMs, undefined, { signal });
    }
    await intake.finish();
  } finally {
    await intake.settled();
  }
}

/** A blob in memory. Throws SIZE_MISMATCH before anything is asked when it has more than `limit` bytes. */
export async function fetchBlob(
  client: RegistryClient,
  repository: string,
  descriptor: Descriptor,
  { signal, limit = smallBlobLimit }: Abortable & { readonly limit?: number },
): Promise<Buffer> {
  const { size, digest } = descriptor;
  if (size > limit)
    throw new BundleError('SIZE_MISMATCH', `${client.host}/${repository}@${digest} has ${size} bytes, and ${limit} are allowed`);
  const bytes = Buffer.alloc(size);
  const write: WriteChunk = async (chunk, position) => void chunk.copy(bytes, position);
  await pullBlob(client, repository, descriptor, { write }, { signal });
  return bytes;
}

/** Feeds the intake from one answer. Gives the error of a lost connection back: what came before it is kept. */
async function pullPart(
  client: RegistryClient,
  repository: string,
  descriptor: Descriptor,
  intake: BlobIntake,
  signal: AbortSignal,
): Promise<{ readonly error: unknown } | undefined> {
  const from = intake.received;
  const answer = await client.send({
    method: 'GET',
    url: `/v2/${repository}/blobs/${descriptor.digest}`,
    // Asking for no encoding keeps proxies from packing what is packed already.
    headers: { 'accept-encoding': 'identity', ...(from > 0 ? { range: `bytes=${from}-` } : {}) },
    scopes: [pullScope(repository)],
    signal,
  });
  let skip = await positionOf(client, repository, descriptor, answer, intake);
  try {
    for await (const chunk of answer.body) {
      const fresh = skip === 0 ? chunk : chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - fresh.length;
      if (fresh.length > 0) await intake.take(fresh);
    }
    return intake.complete ? undefined : { error: new Error('the body ended early') };
  } catch (error) {
    if (connectionTrouble(error) === undefined) throw error;
    return { error };
  }
}

/** Checks what an answer claims to be before a byte of it is taken. How many of its first bytes are there already. */
async function positionOf(
  client: RegistryClient,
  repository: string,
  descriptor: Descriptor,
  answer: Answer,
  intake: BlobIntake,
): Promise<number> {
  const { size, digest } = descriptor;
  const from = intake.received;
  if (answer.status === 200) {
    const length = header(answer, 'content-length');
    if (length === undefined || Number(length) === size) return from; // Range was ignored, if it was asked for
    await discard(answer);
    throw new BundleError('SIZE_MISMATCH', `${client.host} gives ${length} bytes for ${digest}, which has ${size}`);
  }
  if (answer.status === 206 && from > 0) {
    const range = header(answer, 'content-range') ?? '';
    if (range === `bytes ${from}-${size - 1}/${size}` || range === `bytes ${from}-${size - 1}/*`) return 0;
    await discard(answer);
    throw new BundleError(
      'REGISTRY_FAILED',
      `${client.host} resumes ${digest} wrongly: asked for bytes from ${from} on, it gives "${range}"`,
    );
  }
  const what = `${repository}@${digest}`;
  throw await client.failure(answer, { doing: `the pull of ${what}`, what, right: 'pull' });
}
