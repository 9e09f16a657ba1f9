import { join } from 'node:path';
import { imageHost } from '../image-set.ts';
import type { SeededImage } from '../seed-registry.ts';
import { mirrored } from './contestant.ts';
import type { Peer } from './peers.ts';

/** `skopeo copy --all` to one `oci-archive:` an image, one image after the other, and from there to the target. */
export function skopeo(binary: string): Peer {
  const copy = [binary, '--insecure-policy', 'copy', '--all', '--quiet'];
  const file = (folder: string, { repository }: SeededImage) => join(folder, `${repository.replaceAll('/', '-')}.tar`);
  const archive = (folder: string, image: SeededImage) =>
    `oci-archive:${file(folder, image)}:${imageHost}/${image.repository}:${image.tag}`;
  return {
    name: 'skopeo, oci-archive per image',
    versionArguments: ['--version'],
    repositoryOf: mirrored,
    async build({ host, tls, images }, folder) {
      const commands = images.map((image) => [
        ...copy,
        `--src-tls-verify=${tls}`,
        `docker://${host}/${image.repository}:${image.tag}`,
        archive(folder, image),
      ]);
      return { commands, archives: images.map((image) => file(folder, image)) };
    },
    async push({ images, tls }, folder, targetHost) {
      const commands = images.map((image) => [
        ...copy,
        `--dest-tls-verify=${tls}`,
        archive(folder, image),
        `docker://${targetHost}/${mirrored(image)}:${image.tag}`,
      ]);
      return { commands, archives: [] };
    },
  };
}
