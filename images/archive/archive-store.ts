import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { Digest } from '../../bundle-spec/names.ts';
import { type BlobSink, streamSource, verifyBytes } from '../blob-source.ts';
import type { Descriptor, HeldDocument } from '../descriptor.ts';
import { streamExtents } from '../extent-reader.ts';
import { manifestLimit, parseManifest } from '../manifest.ts';
import type { Located } from '../plan/image-plan.ts';
import type { Transfers } from '../transfer/transfers.ts';
import { type ArchiveFile, type ArchiveFiles, readSmall } from './archive-files.ts';

/** What kind of archive it is shows in where its blobs lie, and in manifests that it does not hold itself. */
export interface ArchiveBlobs {
  /** Name of the file with these bytes; `undefined` when there is none. */
  nameOf(digest: Digest): string | undefined;
  /** Manifests that were made of what the archive has instead of some. */
  readonly made: ReadonlyMap<Digest, HeldDocument>;
}

interface StoreOptions {
  /** Threads that copy and hash blobs. Default: this thread does it. */
  readonly transfers?: Transfers;
}

/** The blobs of an archive, read in place as if it were a registry. A tag is always that of the one image, `root`. */
export function archiveStore(
  files: ArchiveFiles,
  blobs: ArchiveBlobs,
  root: Digest,
  { transfers }: StoreOptions,
): Located['registry'] {
  const { path } = files;
  const fileOf = async (digest: Digest): Promise<ArchiveFile> => {
    const name = blobs.nameOf(digest);
    const file = name === undefined ? undefined : await files.find(name);
    if (file !== undefined) return file;
    const what = name ?? digest;
    throw new BundleError(digest === root ? 'BUNDLE_INVALID' : 'REGISTRY_NOT_FOUND', `${path} is incomplete: it has no ${what}`, {
      hint: 'make the archive again',
    });
  };
  return {
    fetchManifest: async (_repository, wanted) => {
      const digest = Digest.safeParse(wanted).data ?? root;
      const made = blobs.made.get(digest);
      return made ?? heldManifest(await readSmall(files, (await fileOf(digest)).name), digest, path);
    },
    fetchBlob: async (_repository, descriptor, { limit = manifestLimit }) => {
      const { name } = await fileOf(descriptor.digest);
      const bytes = await readSmall(files, name, limit);
      verifyBytes(bytes, descriptor, path);
      return bytes;
    },
    pullBlob: async (_repository, descriptor, sink, { signal }) => {
      const file = await fileOf(descriptor.digest);
      await pull(file, descriptor, sink, { what: path, signal, ...(transfers && { transfers }) });
    },
  };
}

interface PullOptions extends StoreOptions {
  readonly what: string;
  readonly signal: AbortSignal;
}

async function pull(file: ArchiveFile, descriptor: Descriptor, sink: BlobSink, options: PullOptions): Promise<void> {
  const { what, signal, transfers } = options;
  const { digest, size } = descriptor;
  if (file.size !== size) {
    throw new BundleError('SIZE_MISMATCH', `${file.name} of ${what} has ${file.size} bytes, and its manifest says ${size}`);
  }
  await file.use(async (extent) => {
    if (transfers === undefined || 'write' in sink) {
      const stream = streamSource(async () => streamExtents([extent], { signal }), { verified: false, what });
      return await stream.pull(descriptor, sink, { signal });
    }
    const found = await transfers.copy([extent], sink.places, { signal, ...(sink.onBytes && { onBytes: sink.onBytes }) });
    if (found !== digest)
      throw new BundleError('DIGEST_MISMATCH', `${what} holds other bytes under ${digest}: their digest is ${found}`);
    sink.onFrontier?.(size);
  });
}

function heldManifest(bytes: Buffer, digest: Digest, path: string): HeldDocument {
  const size = bytes.length;
  verifyBytes(bytes, { digest, size }, path);
  const { mediaType } = parseManifest(bytes, digest);
  return { descriptor: { mediaType, digest, size }, bytes };
}
