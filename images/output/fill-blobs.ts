import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import type { BlobSource } from '../blob-source.ts';
import type { BundleLayout } from '../bundle/bundle-layout.ts';
import type { Descriptor } from '../descriptor.ts';
import { eachLimited } from '../each-limited.ts';
import type { Extent } from '../extent.ts';
import type { Transfers } from '../transfer/transfers.ts';
import type { WriteEvent } from './bundle-writer.ts';
import { hasCode } from './disk-failure.ts';
import type { GroupCommit } from './group-commit.ts';
import type { PartialFile } from './partial-file.ts';
import { tarPieces } from './tar-pieces.ts';

/** A blob and every place it belongs to: its own, and one inside installer.tar. */
export interface PlacedBlob {
  readonly descriptor: Descriptor;
  readonly source: BlobSource;
  readonly positions: readonly number[];
  /** Places where it stands, proven. */
  readonly proven: Set<number>;
}

interface Filling {
  readonly sources: ReadonlyMap<Digest, BlobSource>;
  readonly partial: PartialFile;
  readonly commit: GroupCommit;
  readonly transfers: Transfers;
  readonly signal: AbortSignal;
  readonly onEvent?: (event: WriteEvent) => void;
}

/** The blobs of a bundle that is being written, and which of them are there. */
export class FillBlobs {
  readonly #blobs: ReadonlyMap<Digest, PlacedBlob>;
  readonly #filling: Filling;

  constructor(layout: BundleLayout, filling: Filling) {
    this.#blobs = placedBlobs(layout, filling.sources);
    this.#filling = filling;
    const bytes = [...this.#blobs.values()].reduce((sum, { descriptor }) => sum + descriptor.size, 0);
    filling.onEvent?.({ type: 'planned', blobs: this.#blobs.size, bytes });
  }

  /** Blobs that do not stand in all their places. */
  get missing(): PlacedBlob[] {
    return [...this.#blobs.values()].filter((blob) => this.placesLeft(blob).length > 0);
  }

  placesLeft({ positions, proven }: PlacedBlob): readonly number[] {
    return positions.filter((position) => !proven.has(position));
  }

  /** Hashes again what an earlier run says to be whole, on all cores. What is wrong is forgotten. */
  async proveKept(): Promise<void> {
    const { partial, commit, transfers, signal, onEvent } = this.#filling;
    if (partial.kept.size === 0) return;
    for (const kept of partial.kept.values()) commit.keep(kept);
    const whole = [...this.#blobs.values()].filter((blob) => this.#keptOf(blob) === blob.descriptor.size);
    await eachLimited(whole, transfers.threads, (blob, own) => this.#prove(blob, own.signal), { signal });
    const proven = whole.filter((blob) => blob.proven.size > 0);
    const known = new Set([...this.#blobs.keys()]);
    for (const kept of partial.kept.values()) if (!known.has(kept.blob)) commit.keep({ ...kept, kept: 0 });
    onEvent?.({ type: 'resumed', blobs: proven.length, bytes: commit.durable });
  }

  /** Brings a blob to places where it is not. Throws what its source throws. */
  async fill(blob: PlacedBlob, positions: readonly number[], signal: AbortSignal): Promise<void> {
    const { commit, onEvent } = this.#filling;
    const { digest, size } = blob.descriptor;
    const told = this.#teller(blob);
    const isNew = blob.proven.size === 0;
    const places = positions.map((position) => this.#place(position, size));
    if (!(await this.#copyOwn(blob, places, signal)) && !(await this.#copyEarlier(blob, places, signal))) {
      await this.#pull(blob, positions, told, signal);
    }
    for (const position of positions) blob.proven.add(position);
    commit.take({ blob: digest, size, at: blob.positions[0] ?? 0, kept: size });
    told(size);
    if (isNew) onEvent?.({ type: 'done', digest, size });
  }

  /** As `fill`, of one place, unless the blob stands there. */
  async fillPlace(digest: Digest, position: number, signal: AbortSignal): Promise<void> {
    const blob = this.#blobs.get(digest);
    if (blob !== undefined && !blob.proven.has(position)) await this.fill(blob, [position], signal);
  }

  async #prove(blob: PlacedBlob, signal: AbortSignal): Promise<void> {
    const { commit, transfers, onEvent } = this.#filling;
    const { digest, size } = blob.descriptor;
    for (const position of blob.positions) {
      const found = await unlessUnread(() => transfers.hash(this.#place(position, size), { signal }), signal);
      if (found === digest) blob.proven.add(position);
    }
    if (blob.proven.size > 0) onEvent?.({ type: 'progress', digest, bytes: size });
    else commit.keep({ blob: digest, size, at: 0, kept: 0 });
  }

  /** Bytes of the blob that an earlier run says to have left in its first place. */
  #keptOf({ descriptor, positions }: PlacedBlob): number {
    const kept = this.#filling.partial.kept.get(descriptor.digest);
    return kept !== undefined && kept.size === descriptor.size && kept.at === positions[0] ? kept.kept : 0;
  }

  async #pull(blob: PlacedBlob, positions: readonly number[], told: (bytes: number) => void, signal: AbortSignal): Promise<void> {
    const { descriptor, source } = blob;
    const { digest, size } = descriptor;
    const places = positions.map((position) => this.#place(position, size));
    const single = blob.positions.length === 1;
    const onFrontier = (kept: number) => {
      told(kept);
      // Of a blob with two places nothing is noted before both have all of it: only the first would be hashed again.
      if (single) this.#filling.commit.take({ blob: digest, size, at: positions[0] ?? 0, kept });
    };
    const claimed = single ? this.#keptOf(blob) : 0;
    const kept = claimed < size ? claimed : 0;
    try {
      await source.pull(descriptor, { places, onFrontier, kept }, { signal });
    } catch (error) {
      this.#forget(blob, error);
      if (kept === 0 || !(isMismatch(error) || hasCode(error, 'EIO'))) throw error;
      await source.pull(descriptor, { places, onFrontier }, { signal });
    }
  }

  /** What is proven to be wrong is not worth keeping. */
  #forget({ descriptor, positions }: PlacedBlob, error: unknown): void {
    const { digest, size } = descriptor;
    if (isMismatch(error)) this.#filling.commit.take({ blob: digest, size, at: positions[0] ?? 0, kept: 0 });
  }

  /** From a place of the bundle where it stands already. */
  async #copyOwn(blob: PlacedBlob, places: readonly (readonly Extent[])[], signal: AbortSignal): Promise<boolean> {
    const [from] = blob.proven;
    if (from === undefined) return false;
    return await this.#copy(blob, this.#place(from, blob.descriptor.size), places, signal);
  }

  async #copyEarlier(blob: PlacedBlob, places: readonly (readonly Extent[])[], signal: AbortSignal): Promise<boolean> {
    const { digest, size } = blob.descriptor;
    const extents = this.#filling.partial.earlier?.blobs.get(digest);
    if (extents === undefined || extents.reduce((sum, extent) => sum + extent.size, 0) !== size) return false;
    return await this.#copy(blob, extents, places, signal);
  }

  async #copy(
    { descriptor }: PlacedBlob,
    extents: readonly Extent[],
    places: readonly (readonly Extent[])[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const { transfers } = this.#filling;
    return (await unlessUnread(() => transfers.copy(extents, places, { signal }), signal)) === descriptor.digest;
  }

  #place(position: number, size: number): readonly Extent[] {
    return this.#filling.partial.volumes.extents(position, size);
  }

  /** Tells how far a blob is as the difference to what was told before. */
  #teller({ descriptor: { digest }, proven }: PlacedBlob): (bytes: number) => void {
    let last = proven.size > 0 ? undefined : 0;
    return (bytes) => {
      if (last === undefined || bytes === last) return;
      this.#filling.onEvent?.({ type: 'progress', digest, bytes: bytes - last });
      last = bytes;
    };
  }
}

function placedBlobs(layout: BundleLayout, sources: ReadonlyMap<Digest, BlobSource>): Map<Digest, PlacedBlob> {
  const positions = new Map<Digest, number[]>();
  for (const { content, position } of tarPieces(layout)) {
    if (content.from !== 'blob') continue;
    positions.set(content.digest, [...(positions.get(content.digest) ?? []), position]);
  }
  return new Map([...positions].map(([digest, places]) => [digest, placedBlob(layout, sources, digest, places)]));
}

function placedBlob(
  layout: BundleLayout,
  sources: ReadonlyMap<Digest, BlobSource>,
  digest: Digest,
  positions: readonly number[],
): PlacedBlob {
  const descriptor = layout.blobs.get(digest);
  const source = sources.get(digest);
  if (descriptor === undefined || source === undefined) throw new Error(`no source for blob ${digest}`);
  return { descriptor, source, positions, proven: new Set() };
}

/** What cannot be read of an earlier run, or ends too early, is as good as not there. Errors of writing are thrown. */
async function unlessUnread<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const unread = error instanceof BundleError || (error instanceof Error && 'syscall' in error && error.syscall === 'read');
    if (unread && !signal.aborted) return undefined;
    throw error;
  }
}

function isMismatch(error: unknown): boolean {
  return error instanceof BundleError && (error.code === 'DIGEST_MISMATCH' || error.code === 'SIZE_MISMATCH');
}
