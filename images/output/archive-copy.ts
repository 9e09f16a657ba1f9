import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Digest } from '../../bundle-spec/names.ts';
import type { BundleLayout } from '../bundle/bundle-layout.ts';
import { blockSize } from '../bundle/tar-header.ts';
import type { Extent } from '../extent.ts';
import type { Transfers } from '../transfer/transfers.ts';
import type { StreamOptions } from './bundle-stream.ts';
import { namingFailures } from './disk-failure.ts';
import { checkSpace } from './output-disk.ts';
import { OutputVolumes } from './output-volumes.ts';
import { type TarPiece, tarPieces } from './tar-pieces.ts';

/** The tars within a bundle, each whole in a temporary file. */
export interface ArchiveCopy {
  /** Fetches all of them. */
  fetch(): Promise<void>;
  /** The one whose body begins at this position of the bundle. */
  archive(position: number): readonly Extent[];
  /** A blob that is in one of them. */
  blob(digest: Digest): readonly Extent[] | undefined;
  close(): Promise<void>;
}

interface CopyOptions extends StreamOptions {
  readonly transfers: Transfers;
}

/** Opens a temporary file that is gone with the process. Throws DISK_FULL, FILE_UNWRITABLE. */
export async function openArchiveCopy(layout: BundleLayout, options: CopyOptions): Promise<ArchiveCopy> {
  const archives = layout.files.filter(({ content }) => content.from === 'archive');
  const starts = new Map<number, Extent>();
  const pieces: TarPiece[] = [];
  let size = 0;
  for (const { content, position, size: length } of archives) {
    if (content.from === 'archive') pieces.push(...tarPieces(content.layout, size));
    starts.set(position, { fd: -1, position: size, size: length });
    size += length;
  }
  const { path, handle } = await openTemporary(size);
  const volumes = new OutputVolumes([{ path, position: 0, size }], [handle]);
  const blobs = new Map<Digest, readonly Extent[]>();
  return {
    fetch: () => namingFailures(path, size, () => fetchPieces(pieces, { layout, volumes, blobs, options })),
    archive: (position) => {
      const extent = starts.get(position);
      return extent === undefined ? [] : [{ ...extent, fd: handle.fd }];
    },
    blob: (digest) => blobs.get(digest),
    close: () => volumes.close(),
  };
}

async function openTemporary(size: number): Promise<{ readonly path: string; readonly handle: FileHandle }> {
  const path = join(tmpdir(), `diolkos-${randomUUID()}.tar`);
  return namingFailures(path, size, async () => {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      // Without a name it goes when it is closed, also by a kill.
      await rm(path, { force: true });
      await checkSpace(path, size, 0);
      await handle.truncate(size);
      return { path, handle };
    } catch (error) {
      await handle.close();
      throw error;
    }
  });
}

interface Fetching {
  readonly layout: BundleLayout;
  readonly volumes: OutputVolumes;
  readonly blobs: Map<Digest, readonly Extent[]>;
  readonly options: CopyOptions;
}

async function fetchPieces(pieces: readonly TarPiece[], fetching: Fetching): Promise<void> {
  const { volumes, options } = fetching;
  for (const { header, content, position, size } of pieces) {
    options.signal.throwIfAborted();
    await volumes.write(header(), position - blockSize);
    if (content.from === 'bytes') await volumes.write(content.bytes, position);
    if (content.from === 'blob') await fetchBlob(content.digest, volumes.extents(position, size), fetching);
  }
}

async function fetchBlob(digest: Digest, place: readonly Extent[], { layout, blobs, options }: Fetching): Promise<void> {
  const { sources, signal, onEvent } = options;
  const [descriptor, source] = [layout.blobs.get(digest), sources.get(digest)];
  if (descriptor === undefined || source === undefined) throw new Error(`no source for blob ${digest}`);
  const onBytes = (bytes: number) => onEvent?.({ type: 'progress', digest, bytes });
  await source.pull(descriptor, { places: [place], onBytes }, { signal });
  blobs.set(digest, place);
  onEvent?.({ type: 'done', digest, size: descriptor.size });
}
