import { writeSync } from 'node:fs';
import type { Extent } from '../extent.ts';

/** Writes bytes one behind the other to each of the places. Throws RangeError for more than a place has room for. */
export function placeWriter(places: readonly (readonly Extent[])[]): (bytes: Buffer) => void {
  const writers = places.map(extentWriter);
  return (bytes) => {
    for (const write of writers) write(bytes);
  };
}

function extentWriter(extents: readonly Extent[]): (bytes: Buffer) => void {
  let index = 0;
  let filled = 0;
  return (bytes) => {
    for (let from = 0; from < bytes.length; ) {
      const extent = extents[index];
      if (extent === undefined) throw new RangeError(`${bytes.length - from} bytes more than there is room for`);
      const length = Math.min(bytes.length - from, extent.size - filled);
      const written = length === 0 ? 0 : writeSync(extent.fd, bytes, from, length, extent.position + filled);
      from += written;
      filled += written;
      if (filled < extent.size) continue;
      index += 1;
      filled = 0;
    }
  };
}
