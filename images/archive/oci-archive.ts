import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { type Archive, type ArchiveName, openArchive } from './open-archive.ts';

export type { ArchiveName } from './open-archive.ts';

/** One image of an archive. `located` lets it be planned and pulled like one of a registry. */
export type ArchivedImage = Archive['images'][number] & { close(): Promise<void> };

/** The transports of skopeo and podman whose archives are read; what an archive is shows in its files, whichever is named. */
const transports = /^(oci-archive|docker-archive|oci|dir):/;

/** `<transport>:<path>[:<reference>]`, as skopeo has it: the path ends at the first colon. `undefined` when `text` has no such transport. */
export function parseArchiveName(text: string): ArchiveName | undefined {
  // An image of Docker Hub that is called "oci" or "dir" goes by its whole name.
  const [transport] = transports.exec(text) ?? [];
  if (transport === undefined) return undefined;
  const rest = text.slice(transport.length);
  const colon = rest.indexOf(':');
  return colon === -1 ? { path: rest } : { path: rest.slice(0, colon), image: rest.slice(colon + 1) };
}

/** Opens the one image that `name` chooses. Throws as `openArchive`, and REFERENCE_INVALID when there are several. */
export async function openArchivedImage(name: ArchiveName, options: Parameters<typeof openArchive>[1]): Promise<ArchivedImage> {
  const archive = await openArchive(name, options);
  const [image, ...more] = archive.images;
  if (image !== undefined && more.length === 0) return { ...image, close: () => archive.close() };
  await archive.close();
  const held = archive.images.map(({ reference }) => `${reference.host}/${reference.repository}:${reference.tag}`).join(', ');
  throw new BundleError('REFERENCE_INVALID', `${name.path} holds ${archive.images.length} images: ${held}`, {
    hint: `choose one: oci-archive:${name.path}:<name>`,
  });
}
