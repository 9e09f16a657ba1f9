import { write } from 'node:fs';
import { promisify } from 'node:util';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import type { BlobSink, Identity, WriteChunk } from './blob-source.ts';
import { sliceExtents } from './extent.ts';

const writeSome = promisify(write);

/**
 * Writes chunks of a blob to all that a sink names. Throws SIZE_MISMATCH for a chunk that would reach past the blob: there begins
 * what belongs to another.
 */
export function sinkWriter(sink: BlobSink, { digest, size }: Identity): WriteChunk {
  return async (chunk, position) => {
    const end = position + chunk.length;
    if (end > size) throw new BundleError('SIZE_MISMATCH', `the source gave ${end} bytes of ${digest}, which has ${size}`);
    if ('write' in sink) return sink.write(chunk, position);
    for (const place of sink.places) {
      let from = 0;
      for (const extent of sliceExtents(place, position, chunk.length)) {
        await writeAt(extent.fd, chunk.subarray(from, from + extent.size), extent.position);
        from += extent.size;
      }
    }
    sink.onBytes?.(chunk.length);
    sink.onFrontier?.(end);
  };
}

async function writeAt(fd: number, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await writeSome(fd, bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}
