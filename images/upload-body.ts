import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { Descriptor } from './descriptor.ts';

/** Silence of the receiver after which an upload is given up. */
const stallMs = 120_000;

/** One sending of a blob's bytes, and what became of it. */
export interface UploadBody {
  readonly bytes: AsyncIterable<Buffer>;
  /** Aborted when the receiver takes no bytes any more. Nothing is watched once all are sent: a commit takes its time. */
  readonly stalled: AbortSignal;
  /** What the source of the bytes threw; that is no failure of the connection. */
  readonly sourceError: () => unknown;
}

/** Counts the bytes of `body` on their way. Throws SIZE_MISMATCH when they are not as many as the descriptor says. */
export function uploadBody(body: AsyncIterable<Buffer>, descriptor: Descriptor, onSent?: (bytes: number) => void): UploadBody {
  const stall = new AbortController();
  let sourceError: unknown;
  async function* bytes(): AsyncIterable<Buffer> {
    let size = 0;
    let timer: NodeJS.Timeout | undefined;
    try {
      for await (const chunk of body) {
        size += chunk.length;
        if (size > descriptor.size) throw wrongSize(descriptor, `more than ${descriptor.size}`);
        timer = setTimeout(() => stall.abort(), stallMs).unref();
        yield chunk;
        clearTimeout(timer);
        onSent?.(chunk.length);
      }
      if (size < descriptor.size) throw wrongSize(descriptor, String(size));
    } catch (error) {
      sourceError = error;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
  return { bytes: bytes(), stalled: stall.signal, sourceError: () => sourceError };
}

function wrongSize({ digest, size }: Descriptor, found: string): BundleError {
  return new BundleError('SIZE_MISMATCH', `the source of ${digest} gives ${found} bytes, and it has ${size}`);
}
