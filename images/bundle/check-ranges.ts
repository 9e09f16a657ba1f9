import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import { digestOf } from '../digest.ts';
import { eachLimited } from '../each-limited.ts';
import type { Transfers } from '../transfer/transfers.ts';
import type { BundlePart } from './bundle-head.ts';
import type { BundleFile } from './bundle-reader.ts';
import { blockSize, endSize, tarHeader } from './tar-header.ts';

/** A run of bytes and what it has to be: the body of a part, or all that stands between two bodies. */
interface Range {
  /** The part whose body it is, or whose header it ends with; `end` for what follows the last body. */
  readonly part: BundlePart | 'end';
  readonly kind: 'body' | 'between';
  readonly position: number;
  readonly size: number;
  readonly digest: Digest;
}

/** Bytes, and ranges, that are checked with one message to a thread. */
const batchBytes = 8 << 20;
const batchParts = 128;

interface CheckOptions {
  readonly signal: AbortSignal;
  readonly transfers: Transfers;
  /** Bodies that are not to be read. */
  readonly skip: (part: BundlePart) => boolean;
  /** Told of bytes as they are read. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * Compares every byte of a bundle but the skipped bodies with what it has to be, on all cores: bodies with their digests, and what
 * stands between them (padding, header) with the only bytes allowed there. Calls `damaged` once for each part at most.
 */
export async function checkRanges(
  bundle: BundleFile,
  damaged: (part: BundlePart | 'end', what: string) => void,
  options: CheckOptions,
): Promise<void> {
  const { transfers, signal, onBytes } = options;
  const check = async ([from, to]: Batch, own: { readonly signal: AbortSignal }): Promise<void> => {
    const ranges = rangesOf(bundle, from, to, options.skip);
    const settings = { ...own, ...(onBytes === undefined ? {} : { onBytes }) };
    for (const { range, what } of await findWrong(bundle, ranges, transfers, settings)) damaged(range.part, what);
  };
  // Two for each thread: one is asked for while the other is worked on.
  await eachLimited(batchesOf(bundle.parts, options.skip), 2 * transfers.threads, check, { signal });
}

/** Parts from the one index up to the other. */
type Batch = readonly [from: number, to: number];

function batchesOf(parts: readonly BundlePart[], skip: CheckOptions['skip']): Batch[] {
  const batches: Batch[] = [];
  let from = 0;
  let bytes = 0;
  for (const [index, part] of parts.entries()) {
    bytes += skip(part) ? 0 : part.size;
    if (bytes < batchBytes && index + 1 - from < batchParts && index + 1 < parts.length) continue;
    batches.push([from, index + 1]);
    from = index + 1;
    bytes = 0;
  }
  return batches;
}

function rangesOf(bundle: BundleFile, from: number, to: number, skip: CheckOptions['skip']): Range[] {
  const ranges: Range[] = [];
  for (let index = from; index < to; index += 1) {
    const part = bundle.parts[index];
    if (part === undefined) continue;
    ranges.push(between(part, endOf(bundle.parts[index - 1]), part.position, tarHeader(part.name, part.size)));
    if (!skip(part)) ranges.push({ ...part, part, kind: 'body' });
  }
  const last = bundle.parts.at(-1);
  if (to === bundle.parts.length) ranges.push(between('end', endOf(last), bundle.size, Buffer.alloc(endSize)));
  return ranges;
}

function endOf(part: BundlePart | undefined): number {
  return part === undefined ? 0 : part.position + part.size;
}

function between(part: Range['part'], position: number, end: number, last: Buffer): Range {
  const size = end - position;
  return { part, kind: 'between', position, size, digest: digestOf(Buffer.concat([Buffer.alloc(size - last.length), last])) };
}

interface Wrong {
  readonly range: Pick<Range, 'part'>;
  readonly what: string;
}

async function findWrong(
  bundle: BundleFile,
  ranges: readonly Range[],
  transfers: Transfers,
  options: { readonly signal: AbortSignal; readonly onBytes?: (bytes: number) => void },
): Promise<Wrong[]> {
  const extents = ranges.map(({ position, size }) => bundle.extents({ position, size }));
  try {
    const digests = await transfers.hashEach(extents, options);
    const wrong = ranges.filter(({ digest }, index) => digest !== digests[index]);
    return (await Promise.all(wrong.map((range) => describe(bundle, range)))).flat();
  } catch (error) {
    const reason = diskFailure(error);
    const [only, ...more] = ranges;
    if (reason === undefined || only === undefined) throw error;
    if (more.length === 0) return [{ range: only, what: `it cannot be read: ${reason}` }];
    // One by one, so that what can be read is told from what cannot.
    const found: Wrong[] = [];
    for (const range of ranges) found.push(...(await findWrong(bundle, [range], transfers, { signal: options.signal })));
    return found;
  }
}

function diskFailure(error: unknown): string | undefined {
  if (error instanceof BundleError && error.code === 'BUNDLE_INVALID') return 'the file ends before';
  const failed = error instanceof Error && 'syscall' in error && error.syscall === 'read' && 'code' in error;
  return failed ? `the disk reports ${error.code}` : undefined;
}

async function describe(bundle: BundleFile, range: Range): Promise<Wrong[]> {
  const { part, kind, position, size } = range;
  if (kind === 'body') return [{ range, what: 'its bytes are not what was written' }];
  if (part === 'end') return [{ range, what: 'the zeros at the end are damaged' }];
  const bytes = await bundle.readRaw(position, size);
  const wrong: Wrong[] = [];
  if (!bytes.subarray(-blockSize).equals(tarHeader(part.name, part.size))) {
    wrong.push({ range, what: 'its tar header is damaged' });
  }
  if (bytes.subarray(0, -blockSize).some((byte) => byte !== 0)) {
    const before = bundle.parts.findLast((other) => other !== part && endOf(other) === position);
    wrong.push({ range: { part: before ?? part }, what: 'the padding behind it is damaged' });
  }
  return wrong;
}

/** Bytes that `checkRanges` will read. */
export function bytesToCheck(bundle: BundleFile, skip: CheckOptions['skip']): number {
  const skipped = bundle.parts.filter(skip).reduce((sum, { size }) => sum + size, 0);
  return bundle.size - skipped;
}
