import { resolve } from 'node:path';
import type { ArchiveSource, Bundle } from '../bundle-spec/bundle.ts';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { type Archive, openArchive } from '../images/archive/open-archive.ts';
import type { Located } from '../images/plan/image-plan.ts';
import { formatReference } from '../images/reference.ts';
import type { Transfers } from '../images/transfer/transfers.ts';

/** The images that a spec takes from archives, by canonical reference. */
export interface OpenArchives {
  readonly images: ReadonlyMap<string, Located>;
  close(): Promise<void>;
}

interface Options {
  /** The spec's folder, which paths are relative to. */
  readonly folder: string;
  readonly transfers?: Transfers;
  readonly signal: AbortSignal;
}

/**
 * Opens every archive of `images.extra`. Throws what `openArchive` throws, and NAME_COLLISION when two archives bring one reference:
 * nobody could say which is meant.
 */
export async function openArchives(sources: readonly ArchiveSource[], { folder, ...options }: Options): Promise<OpenArchives> {
  const opened: Archive[] = [];
  const images = new Map<string, Located>();
  const close = async (): Promise<void> => void (await Promise.all(opened.map((archive) => archive.close())));
  try {
    for (const { archive: path, image } of sources) {
      const archive = await openOne({ path: resolve(folder, path), ...(image === undefined ? {} : { image }) }, path, options);
      opened.push(archive);
      for (const { reference, located } of archive.images) add(images, formatReference(reference), { ...located, archive: path });
    }
    return { images, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The spec with the images of its archives as references of `images.extra`: they travel as if it named them. */
export function withArchives(spec: Bundle, { images }: OpenArchives): Bundle {
  return { ...spec, images: { ...spec.images, extra: [...new Set([...spec.images.extra, ...images.keys()])] } };
}

async function openOne(
  name: Parameters<typeof openArchive>[0],
  path: string,
  options: Omit<Options, 'folder'>,
): Promise<Archive> {
  try {
    return await openArchive(name, options);
  } catch (error) {
    if (!(error instanceof BundleError) || error.code !== 'FILE_UNREADABLE') throw error;
    const hint = `images.extra names the archive ${path}; the path is relative to the spec`;
    throw new BundleError(error.code, error.message, { hint, cause: error });
  }
}

function add(images: Map<string, Located>, reference: string, located: Located): void {
  const other = images.get(reference)?.archive;
  if (other !== undefined) {
    throw new BundleError('NAME_COLLISION', `${reference} is in ${other} and in ${located.archive}`, {
      hint: 'give one of them another name with "image:", or leave one archive out of images.extra',
    });
  }
  images.set(reference, located);
}
