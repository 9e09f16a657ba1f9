import { setTimeout as sleep } from 'node:timers/promises';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Descriptor } from '../descriptor.ts';
import type { BlobBody } from './blob-body.ts';

/** Silence of the receiver after which an upload is given up. */
const stallMs = 60_000;

/** How long a receiver that broke off without a word gets to say why, at the sight of the next header. */
const waryMs = 400;

/** A run of a blob's bytes in one request. */
export interface UploadPart {
  readonly descriptor: Descriptor;
  readonly body: BlobBody;
  readonly from: number;
  /** Bytes. */
  readonly size: number;
  /** The last connection died without an answer: let one that comes early arrive, before it drowns in a reset. */
  readonly wary: boolean;
  readonly onSent?: ((bytes: number) => void) | undefined;
  readonly signal: AbortSignal;
}

/** One request's sending of bytes, and what became of it. */
export interface UploadBody {
  /** Again for each repetition (401, 307). */
  readonly open: () => AsyncIterable<Buffer>;
  /**
   * Aborted with the signal of the part, and when the receiver takes no bytes any more. Nothing is watched once all are sent: a commit takes
   * its time.
   */
  readonly signal: AbortSignal;
  readonly stalled: () => boolean;
  /** To be called when the request has ended. */
  readonly end: () => void;
  /** Bytes that were given away so far, those that the socket may still hold included; of the repetition that got furthest. */
  readonly offered: () => number;
  /** All bytes have left. */
  readonly complete: () => boolean;
  /** What the source of the bytes threw; that is no failure of the connection. */
  readonly sourceError: () => unknown;
}

/** Counts the bytes on their way and watches over them. Throws SIZE_MISMATCH when the source has other than it should. */
export function uploadBody(part: UploadPart): UploadBody {
  // Not AbortSignal.any: thousands of those live until the next full collection of garbage.
  const controller = new AbortController();
  const abort = () => controller.abort(part.signal.reason);
  if (part.signal.aborted) abort();
  part.signal.addEventListener('abort', abort, { once: true });
  let stalled = false;
  const stall = () => {
    stalled = true;
    controller.abort();
  };
  let sourceError: unknown;
  let offered = 0;
  let complete = part.size === 0;
  async function* bytes(): AsyncIterable<Buffer> {
    let size = 0;
    let timer: NodeJS.Timeout | undefined;
    try {
      for await (const chunk of paced(part)) {
        size += chunk.length;
        if (size > part.size) throw wrongSize(part, `more than ${part.size}`);
        timer = setTimeout(stall, stallMs).unref();
        offered = Math.max(offered, size);
        yield chunk;
        clearTimeout(timer);
        complete ||= size === part.size;
        part.onSent?.(chunk.length);
      }
      if (size < part.size) throw wrongSize(part, String(size));
    } catch (error) {
      sourceError = error;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
  return {
    open: bytes,
    signal: controller.signal,
    stalled: () => stalled,
    end: () => part.signal.removeEventListener('abort', abort),
    offered: () => offered,
    complete: () => complete,
    sourceError: () => sourceError,
  };
}

async function* paced({ body, from, size, wary, signal }: UploadPart): AsyncIterable<Buffer> {
  const chunks = body.open(from, size, { signal });
  if (!wary || size < 2) return yield* chunks;
  let first = true;
  for await (const chunk of chunks) {
    if (!first || chunk.length < 2) {
      yield chunk;
      continue;
    }
    first = false;
    yield Buffer.from(chunk.subarray(0, 1));
    await sleep(waryMs, undefined, { signal });
    yield chunk.subarray(1);
  }
}

function wrongSize({ descriptor, size }: UploadPart, found: string): BundleError {
  return new BundleError('SIZE_MISMATCH', `the source of ${descriptor.digest} gives ${found} bytes, and ${size} were asked for`);
}
