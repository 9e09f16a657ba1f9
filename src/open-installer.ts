import { resolve } from 'node:path';
import type { Bundle } from '../bundle-spec/bundle.ts';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { publishedInstaller } from '../cluster/install-manifests.ts';
import { type ArchiveName, openArchivedImage, parseArchiveName } from '../images/archive/oci-archive.ts';
import type { Located } from '../images/plan/image-plan.ts';
import { parseReference, type Reference } from '../images/reference.ts';
import type { Transfers } from '../images/transfer/transfers.ts';
import type { SpecRegistries } from './spec-registries.ts';
import { version } from './version.ts';

/** The image of the Job, wherever its bytes are. */
export interface Installer {
  readonly reference: Reference;
  readonly located: Located;
  close(): Promise<void>;
}

interface ArchiveOptions {
  /** Threads that copy the blobs of an archive. */
  readonly transfers?: Transfers;
  readonly signal: AbortSignal;
}

interface InstallerOptions extends ArchiveOptions {
  readonly folder: string;
  readonly registries: SpecRegistries;
}

/**
 * The installer image that a spec names: a built one in an archive (`oci-archive:`, `docker-archive:`, `oci:`, `dir:`), one to pull, by default the published one of this version;
 * `undefined` for `none`. Throws FILE_UNREADABLE, BUNDLE_INVALID, REFERENCE_INVALID.
 */
export async function openInstaller(
  { installer = publishedInstaller(version) }: Bundle,
  { folder, registries, ...options }: InstallerOptions,
): Promise<Installer | undefined> {
  if (installer === 'none') return undefined;
  const archive = parseArchiveName(installer);
  if (archive !== undefined) return await openArchive({ ...archive, path: resolve(folder, archive.path) }, options);
  const reference = parseReference(installer);
  return { reference, located: registries.locate(reference), close: async () => undefined };
}

async function openArchive(name: ArchiveName, options: ArchiveOptions): Promise<Installer> {
  try {
    const { reference, located, close } = await openArchivedImage(name, options);
    const { registry, repository } = located;
    return { reference, located: { registry, repository }, close };
  } catch (error) {
    if (!(error instanceof BundleError) || error.code !== 'FILE_UNREADABLE') throw error;
    const hint = 'the spec names it as its installer; the path is relative to the spec. "installer: none" leaves the image out';
    throw new BundleError(error.code, error.message, { hint, cause: error });
  }
}
