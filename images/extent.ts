import { BundleError } from '../bundle-spec/bundle-error.ts';

/** A run of bytes in an open file, by the number of its descriptor: that may be handed to a worker thread, a FileHandle may not. */
export interface Extent {
  readonly fd: number;
  /** Of its first byte in the file. */
  readonly position: number;
  /** Bytes. */
  readonly size: number;
}

/** The `size` bytes from byte `from` on of a range that is made of `extents`, one behind the other. Throws RangeError when it ends before. */
export function sliceExtents(extents: readonly Extent[], from: number, size: number): readonly Extent[] {
  const slice: Extent[] = [];
  let skip = from;
  let left = size;
  for (const extent of extents) {
    const taken = Math.min(left, extent.size - skip);
    if (taken > 0) {
      slice.push({ fd: extent.fd, position: extent.position + skip, size: taken });
      left -= taken;
    }
    skip = Math.max(0, skip - extent.size);
  }
  if (left > 0) throw new RangeError(`a range of ${size} bytes from ${from} on ends ${left} bytes too early`);
  return slice;
}

/** The error for a file that ends at `position`, before an extent of it. */
export function endsEarly(position: number): BundleError {
  return new BundleError('BUNDLE_INVALID', `the file ends at byte ${position}, in the middle of what it should hold`, {
    hint: 'copy it again from where it was made',
  });
}
