import type { BundleJson } from '../../bundle-spec/bundle-json.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import type { BlobSource } from '../blob-source.ts';
import { type BundleLayout, sealedBodies } from '../bundle/bundle-layout.ts';
import { blockSize } from '../bundle/tar-header.ts';
import { canonicalJson } from '../canonical-json.ts';
import { digestOf } from '../digest.ts';
import { eachLimited } from '../each-limited.ts';
import type { Sign } from '../signature/signer.ts';
import { openTransfers, type Transfers } from '../transfer/transfers.ts';
import { besideFile, besideVolumes } from './bundle-sums.ts';
import { namingFailures } from './disk-failure.ts';
import { FillBlobs } from './fill-blobs.ts';
import { GroupCommit } from './group-commit.ts';
import { type Beside, openPartial, type PartialFile } from './partial-file.ts';
import { completeJson, writeSealed } from './seal-bundle.ts';
import { tarGaps, tarPieces } from './tar-pieces.ts';

/** Blobs that are fetched at the same time. */
const defaultConcurrency = 4;

/** What happens while a bundle is written. */
export type WriteEvent =
  /** Blobs of the bundle that have to be fetched or found, and their bytes. */
  | { readonly type: 'planned'; readonly blobs: number; readonly bytes: number }
  /** What an earlier run left, after it was proven; it needs not be fetched. `bytes` counts the beginnings of blobs too, which are yet to be proven. */
  | { readonly type: 'resumed'; readonly blobs: number; readonly bytes: number }
  /** Bytes of a blob since the last event of the same blob; less than none when a part of it has to be pulled again. */
  | { readonly type: 'progress'; readonly digest: Digest; readonly bytes: number }
  | { readonly type: 'done'; readonly digest: Digest; readonly size: number }
  /** The work has failed, and this is what the next run finds in the files that are named. */
  | { readonly type: 'left'; readonly bytes: number; readonly size: number; readonly files: readonly string[] };

export interface WriteOptions {
  /** Who has which blob; every blob of the layout whose bytes are not at hand must be there. */
  readonly sources: ReadonlyMap<Digest, BlobSource>;
  readonly signal: AbortSignal;
  readonly onEvent?: (event: WriteEvent) => void;
  /** Gives the signature of bundle.json. Without it the place that bundle.json keeps for one stays free. */
  readonly sign?: Sign;
  /** Blobs fetched at the same time. Default 4. */
  readonly concurrency?: number;
  /** Writes volumes of at most so many bytes instead of one file. */
  readonly volumeSize?: number;
  /** Writes `<output>.sha256` beside the one file too, which is read once for it; volumes always have it. */
  readonly sums?: boolean;
  /** Threads that hash and copy. Default: some of its own. */
  readonly transfers?: Transfers;
}

/** What the steps of writing share. */
interface Writing extends WriteOptions {
  readonly layout: BundleLayout;
  readonly output: string;
  readonly partial: PartialFile;
  readonly commit: GroupCommit;
  readonly transfers: Transfers;
}

/**
 * Writes the bundle: every distinct blob once, the largest first, from its source straight to its final offset in
 * `<output>.partial`, which gets its name when all bytes are durable. Memory does not grow with the bundle. After an error, an abort,
 * a kill or a power cut `output` is what it was, and `<output>.partial` with its journal lets the next call continue: it proves what
 * is there and fetches the rest. Throws DISK_FULL, FILE_UNWRITABLE, and what the sources throw.
 */
export async function writeBundle(layout: BundleLayout, output: string, options: WriteOptions): Promise<BundleJson> {
  const { volumeSize = null, transfers = openTransfers() } = options;
  const planned = { layout: digestOf(canonicalJson(layout.json)), size: layout.size, volume: volumeSize };
  const partial = await openPartial(output, planned);
  const broken = new AbortController();
  const signal = AbortSignal.any([options.signal, broken.signal]);
  const commit = new GroupCommit(
    (lines) => partial.note(lines),
    (error) => broken.abort(error),
  );
  const writing: Writing = { ...options, signal, layout, output, partial, commit, transfers };
  try {
    return await namingFailures(
      output,
      layout.size,
      () => writeOrLeave(writing),
      () => commit.durable,
    );
  } finally {
    if (options.transfers === undefined) await transfers.close();
  }
}

async function writeOrLeave(writing: Writing): Promise<BundleJson> {
  try {
    return await write(writing);
  } catch (error) {
    await leave(writing);
    throw error;
  }
}

async function write(writing: Writing): Promise<BundleJson> {
  const { layout, partial, commit, transfers, signal } = writing;
  const { volumes } = partial;
  if (partial.used) await writeOver(writing);
  const blobs = new FillBlobs(layout, writing);
  await blobs.proveKept();
  if (partial.holes) await writeAnywhere(writing, blobs);
  else await writeInOrder(writing, blobs);
  await commit.flush();
  const json = await completeJson(layout, (position, size) => transfers.hash(volumes.extents(position, size), { signal }));
  const bytes = canonicalJson(json);
  const bodies = sealedBodies(bytes, json.signature, await writing.sign?.(bytes, { signal }));
  await volumes.datasync();
  await writeSealed(volumes, layout, bodies);
  if (!partial.holes) await volumes.truncate();
  const beside = await besideFiles(writing, digestOf(bytes));
  signal.throwIfAborted();
  await partial.publish(beside);
  return json;
}

/** The first header may be that of a run that nearly ended; between the pieces may be anything, after a power cut. */
async function writeOver({ layout, partial }: Writing): Promise<void> {
  await partial.volumes.write(Buffer.alloc(blockSize), 0);
  if (!partial.holes) return; // the file ends where the last run stopped, and what comes after is filled in its turn
  for (const { position, size } of tarGaps(tarPieces(layout), layout.size)) {
    await partial.volumes.write(Buffer.alloc(size), position);
  }
}

/** Headers and what is at hand first, then the blobs, the largest first. bundle.json and what depends on it come last of all. */
async function writeAnywhere(
  { layout, partial, signal, concurrency = defaultConcurrency }: Writing,
  blobs: FillBlobs,
): Promise<void> {
  for (const { content, header, position } of tarPieces(layout)) {
    signal.throwIfAborted();
    if (content.from === 'sealed') continue;
    await partial.volumes.write(header(), position - blockSize);
    if (content.from === 'bytes') await partial.volumes.write(content.bytes, position);
  }
  const missing = blobs.missing.toSorted((a, b) => b.descriptor.size - a.descriptor.size);
  await eachLimited(missing, concurrency, (blob, own) => blobs.fill(blob, blobs.placesLeft(blob), own.signal), { signal });
}

/** From the first byte to the last, one blob at a time: where nothing can be left out, everything else would be written twice. */
async function writeInOrder({ layout, partial, signal }: Writing, blobs: FillBlobs): Promise<void> {
  const { volumes } = partial;
  let end = 0;
  for (const { content, header, position, size } of tarPieces(layout)) {
    signal.throwIfAborted();
    const start = position - blockSize;
    if (start > end) await volumes.write(Buffer.alloc(start - end), end);
    end = position + size;
    if (content.from === 'sealed') continue;
    await volumes.write(header(), start);
    if (content.from === 'bytes') await volumes.write(content.bytes, position);
    if (content.from === 'blob') await blobs.fillPlace(content.digest, position, signal);
  }
  await volumes.write(Buffer.alloc(layout.size - end), end);
}

async function besideFiles(
  { output, partial, transfers, signal, sums, volumeSize }: Writing,
  bundleJson: Digest,
): Promise<readonly Beside[]> {
  if (volumeSize === undefined && sums !== true) return [];
  const { files, volumes } = partial;
  const digests: Digest[] = [];
  const all = files.map((file, index) => ({ ...file, index }));
  const hash = async ({ position, size, index }: (typeof all)[number], own: { readonly signal: AbortSignal }) => {
    digests[index] = await transfers.hash(volumes.extents(position, size), own);
  };
  await eachLimited(all, transfers.threads, hash, { signal });
  return volumeSize === undefined ? besideFile(output, digests) : besideVolumes(output, { files, digests, bundleJson });
}

/** What has failed already may fail again here, and is told once. */
async function leave(writing: Writing): Promise<void> {
  const { partial, commit, layout, onEvent } = writing;
  await commit.stop();
  const flushed = await commit.flush().then(
    () => true,
    () => false,
  );
  const bytes = commit.durable;
  const ended = bytes === 0 && flushed ? partial.discard() : partial.leave();
  await ended.catch(() => undefined);
  if (bytes > 0) onEvent?.({ type: 'left', bytes, size: layout.size, files: partial.leftFiles });
}
