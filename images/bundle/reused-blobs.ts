import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import type { BlobSink, BlobSource, Identity } from '../blob-source.ts';
import type { Located } from '../plan/image-plan.ts';
import type { Transfers } from '../transfer/transfers.ts';
import type { OpenOptions } from './bundle-bytes.ts';
import { type BundleFile, openBundle } from './bundle-reader.ts';

/** Earlier bundles whose blobs are taken instead of those of a network. */
export interface ReusedBlobs {
  /** Bytes of blobs that were taken so far, and that were right. */
  readonly bytes: number;
  /** The same sources, before which the earlier bundles are asked. A blob that is damaged there is pulled as if it were not there. */
  before(sources: ReadonlyMap<Digest, BlobSource>): Map<Digest, BlobSource>;
  /** The same place, whose small blobs (configs that are read to plan) come from the earlier bundles where they have them. */
  located(located: Located): Located;
  close(): Promise<void>;
}

interface ReuseOptions {
  readonly signal: AbortSignal;
  readonly transfers: Transfers;
  /** Told of a blob that is damaged. */
  readonly onDamaged: (file: string, digest: Digest) => void;
}

/** Opens each of `required`, and those of `welcome` that are bundles at all. Throws what `openBundle` throws for the required ones. */
export async function openReused(
  files: { readonly required: readonly string[]; readonly welcome: readonly string[] },
  options: ReuseOptions & OpenOptions,
): Promise<ReusedBlobs> {
  const bundles: BundleFile[] = [];
  const close = async () => void (await Promise.all(bundles.splice(0).map((bundle) => bundle.close())));
  try {
    for (const file of files.required) bundles.push(await openBundle(file, options));
    for (const file of files.welcome) {
      const bundle = await openBundle(file, options).catch(noneOfOurs);
      if (bundle !== undefined) bundles.push(bundle);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return reusedBlobs(bundles, options, close);
}

function noneOfOurs(error: unknown): undefined {
  if (error instanceof BundleError) return undefined;
  throw error;
}

/** As `openReused`, for bundles that are open. */
export function reusedBlobs(
  bundles: readonly BundleFile[],
  options: ReuseOptions,
  close: ReusedBlobs['close'] = async () => undefined,
): ReusedBlobs {
  let bytes = 0;
  const damaged = new Set<string>();
  const holdersOf = ({ digest, size }: Identity) =>
    bundles.filter((bundle) => bundle.blobs.get(digest)?.size === size && !damaged.has(`${bundle.path} ${digest}`));
  const note = (bundle: BundleFile, digest: Digest) => {
    damaged.add(`${bundle.path} ${digest}`);
    options.onDamaged(bundle.path, digest);
  };
  const reusing = (source: BlobSource): BlobSource => ({
    async pull(descriptor, sink, own) {
      let place = sink;
      for (const bundle of holdersOf(descriptor)) {
        if (await takeFrom(bundle, descriptor, place, { ...options, ...own })) {
          bytes += descriptor.size;
          return;
        }
        note(bundle, descriptor.digest);
        // What lies in the place now is not what an earlier run left there.
        place = 'write' in sink ? sink : { ...sink, kept: 0 };
      }
      return source.pull(descriptor, place, own);
    },
  });
  return {
    get bytes() {
      return bytes;
    },
    before: (sources) => new Map([...sources].map(([digest, source]) => [digest, reusing(source)])),
    located: ({ registry, repository, ...rest }) => ({
      ...rest,
      repository,
      registry: {
        ...registry,
        async fetchBlob(path, descriptor, own) {
          for (const bundle of holdersOf(descriptor)) {
            const held = await bundle.readBlob(descriptor.digest, own).catch(noneOfOurs);
            if (held !== undefined) return held;
            note(bundle, descriptor.digest);
          }
          return registry.fetchBlob(path, descriptor, own);
        },
      },
    }),
    close,
  };
}

/** False when the bytes are not those of the blob, or cannot be read; then what was written is worthless. */
async function takeFrom(
  bundle: BundleFile,
  { digest }: Identity,
  sink: BlobSink,
  { transfers, signal }: Pick<ReuseOptions, 'transfers' | 'signal'>,
): Promise<boolean> {
  const part = bundle.blobs.get(digest);
  if (part === undefined) return false;
  const extents = bundle.extents(part);
  try {
    if (!('write' in sink)) {
      const { places, onBytes } = sink;
      return (await transfers.copy(extents, places, { signal, ...(onBytes === undefined ? {} : { onBytes }) })) === digest;
    }
    // What went into a pipe cannot be taken back: proven first, then read again.
    if ((await transfers.hash(extents, { signal })) !== digest) return false;
    let position = 0;
    for await (const block of bundle.streamPart(part, { signal })) {
      await sink.write(block, position);
      position += block.length;
    }
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (isUnreadable(error)) return false;
    throw error;
  }
}

/** A disk that fails to be written is no fault of the earlier bundle. */
function isUnreadable(error: unknown): boolean {
  if (error instanceof BundleError) return error.code === 'BUNDLE_INVALID';
  return error instanceof Error && 'syscall' in error && error.syscall === 'read';
}
