import { setTimeout as sleep } from 'node:timers/promises';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import type { BlobSink, WriteChunk } from '../blob-source.ts';
import type { Descriptor } from '../descriptor.ts';
import { sinkWriter } from '../place-writer.ts';
import { BlobIntake, type Intake } from './blob-intake.ts';
import { connectionFailure, connectionTrouble } from './connection-failure.ts';
import { decodedBody, decoderOf, isDecodingError } from './content-coding.ts';
import type { Abortable } from './registry.ts';
import { pullScope, type RegistryClient, type RegistryRequest } from './registry-client.ts';
import { type Answer, discard, header, type Transport } from './registry-transport.ts';
import { ThreadIntake, type ThreadRoute } from './thread-intake.ts';

/** A connection that brought this much before it was lost was worth its while: the count of failures begins anew. Bytes. */
const progressSize = 64 << 10;

/** Default limit of a blob held in memory. */
const smallBlobLimit = 4 << 20;

/** What a blob needs on its way. */
interface Pull {
  readonly client: RegistryClient;
  readonly repository: string;
  readonly descriptor: Descriptor;
  readonly intake: Intake;
  /** Puts the intake's own way of asking before that of the client. */
  readonly through: Pick<RegistryRequest, 'through'>;
  readonly coding: Coding;
  readonly signal: AbortSignal;
}

/** Of the `Content-Encoding` of answers: some servers claim one that is not there (moby#17595), others put one around a blob. */
interface Coding {
  /** An answer claimed one, and its body was taken as it is. */
  claimed: boolean;
  /** It is believed, and undone. */
  undone: boolean;
}

/**
 * Brings one blob from a registry to `sink`, verified, resumed by Range where a connection is lost. The registry is asked again for
 * each part, never the place it redirected to: such URLs expire. With `route` files are written by transfer threads.
 */
export async function pullBlob(
  client: RegistryClient,
  repository: string,
  descriptor: Descriptor,
  sink: BlobSink,
  { signal, route }: Abortable & { readonly route?: ThreadRoute },
): Promise<void> {
  const from = `${client.host}/${repository}`;
  const intake =
    route !== undefined && 'places' in sink
      ? new ThreadIntake(route, descriptor, sink, from, signal)
      : new BlobIntake(descriptor, from, sinkWriter(sink, descriptor));
  const coding: Coding = { claimed: false, undone: false };
  const through = intake instanceof ThreadIntake ? { through: (usual: Transport) => intake.through(usual) } : {};
  try {
    if (intake instanceof ThreadIntake) await intake.keep();
    for (let look = 1; ; look += 1) {
      const isPatched = await fill({ client, repository, descriptor, intake, through, coding, signal });
      const found = await intake.finish();
      if (found === descriptor.digest) return;
      // What was put together from several answers, or on what an earlier run left, deserves a second look, and so does what was encoded.
      if (!(isPatched || coding.claimed) || look === 2) throw otherBytes(from, descriptor, found);
      coding.undone ||= coding.claimed;
      await intake.restart();
    }
  } finally {
    await intake.settled();
  }
}

/** Asks until all bytes are in. True when they are not those of one answer. */
async function fill(pull: Pull): Promise<boolean> {
  const { client, descriptor, intake, signal } = pull;
  let isPatched = intake.received > 0;
  let failed = 0;
  while (intake.received < descriptor.size) {
    const begin = intake.received;
    const lost = await pullPart(pull);
    if (intake.received === descriptor.size) break;
    isPatched = true;
    const trouble = { connection: connectionTrouble(lost) ?? 'dropped' } as const;
    failed = intake.received - begin >= progressSize ? 1 : failed + 1;
    const pauseMs = client.gate.pauseAfter(trouble, failed);
    if (pauseMs === undefined) throw await connectionFailure(client.host, client.base, trouble.connection, lost);
    await sleep(pauseMs, undefined, { signal });
  }
  return isPatched;
}

function otherBytes(from: string, { digest }: Descriptor, found: Digest): BundleError {
  return new BundleError('DIGEST_MISMATCH', `${from} serves other bytes for ${digest}: their digest is ${found}`, {
    hint: 'what it stores is damaged, or a proxy changes it on the way',
  });
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
async function pullPart(pull: Pull): Promise<Error | undefined> {
  const { intake } = pull;
  let answer = await ask(pull);
  if (answer.status === 416 && intake.received > 0) {
    // It says that the blob ends before what we have of it.
    await discard(answer);
    await intake.restart();
    answer = await ask(pull);
  }
  if (answer.delivered?.disk !== undefined) throw answer.delivered.disk;
  if (answer.delivered !== undefined) return answer.delivered.lost;
  return decoderOf(answer) === undefined ? takeBody(pull, answer) : takeEncoded(pull, answer);
}

/** Takes the body as it is, unless its length says that it is not the blob. When it turns out not to be, asks once more and decodes. */
async function takeEncoded(pull: Pull, answer: Answer): Promise<Error | undefined> {
  const { coding, intake, descriptor } = pull;
  const length = header(answer, 'content-length');
  if (coding.undone || (length !== undefined && Number(length) !== descriptor.size)) return takeDecoded(pull, answer);
  coding.claimed = true;
  try {
    const lost = await takeBody(pull, answer);
    const isShort = lost !== undefined && connectionTrouble(lost) === undefined;
    if (!isShort) return lost;
  } catch (error) {
    if (!(error instanceof BundleError && error.code === 'SIZE_MISMATCH')) throw error;
  }
  coding.undone = true;
  await intake.restart();
  return pullPart(pull);
}

/** Takes what the body of a whole answer decodes to, from the blob's start. */
async function takeDecoded({ client, descriptor, intake, coding }: Pull, answer: Answer): Promise<Error | undefined> {
  const { digest, size } = descriptor;
  coding.undone = true;
  if (intake.received > 0) await intake.restart();
  const packed = `${client.host} gives ${digest} in the encoding "${header(answer, 'content-encoding')}"`;
  try {
    for await (const chunk of decodedBody(answer)) await intake.take(chunk);
  } catch (error) {
    if (connectionTrouble(error) !== undefined) return error as Error;
    if (!isDecodingError(error)) throw error;
    throw new BundleError('SIZE_MISMATCH', `${packed}, and it is not in it`, { cause: error });
  }
  if (intake.received === size) return undefined;
  throw new BundleError('SIZE_MISMATCH', `${packed}; decoded it has ${intake.received} bytes instead of ${size}`);
}

async function takeBody(pull: Pull, answer: Answer): Promise<Error | undefined> {
  const { intake, descriptor } = pull;
  let skip = await positionOf(pull, answer);
  try {
    for await (const chunk of answer.body) {
      const fresh = skip === 0 ? chunk : chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - fresh.length;
      if (fresh.length > 0) await intake.take(fresh);
    }
    return intake.received === descriptor.size ? undefined : new Error('the body ended early');
  } catch (error) {
    if (connectionTrouble(error) === undefined) throw error;
    return error as Error;
  }
}

function ask({ client, repository, descriptor, intake, through, coding, signal }: Pull): Promise<Answer> {
  const from = coding.undone ? 0 : intake.received; // a range would be one of the encoded bytes
  return client.send({
    method: 'GET',
    url: `/v2/${repository}/blobs/${descriptor.digest}`,
    // Asking for no encoding keeps proxies from packing what is packed already.
    headers: { 'accept-encoding': 'identity', ...(from > 0 ? { range: `bytes=${from}-` } : {}) },
    scopes: [pullScope(repository)],
    ...through,
    signal,
  });
}

/** Checks what an answer claims to be before a byte of it is taken. How many of its first bytes are there already. */
async function positionOf({ client, repository, descriptor, intake }: Pull, answer: Answer): Promise<number> {
  const { size, digest } = descriptor;
  const from = intake.received;
  const length = header(answer, 'content-length');
  if (answer.status === 200) {
    if (length === undefined || Number(length) === size) return from; // Range was ignored, if it was asked for
    await discard(answer);
    throw new BundleError('SIZE_MISMATCH', `${client.host} gives ${length} bytes for ${digest}, which has ${size}`);
  }
  if (answer.status === 206 && from > 0) {
    const range = header(answer, 'content-range') ?? '';
    const isWhole = length === undefined || Number(length) === size - from;
    if (isWhole && (range === `bytes ${from}-${size - 1}/${size}` || range === `bytes ${from}-${size - 1}/*`)) return 0;
    await discard(answer);
    throw new BundleError(
      'REGISTRY_FAILED',
      `${client.host} resumes ${digest} wrongly: asked for bytes from ${from} on, it gives "${range}" in ${length} bytes`,
    );
  }
  const what = `${repository}@${digest}`;
  throw await client.failure(answer, { doing: `the pull of ${what}`, what, right: 'pull' });
}
