import { join } from 'node:path';
import { imageHost } from '../image-set.ts';
import type { SeededImage } from '../seed-registry.ts';
import { mirrored } from './contestant.ts';
import type { Peer } from './peers.ts';

/** `regctl image export` to a file an image, one after the other, and `image import` of each. */
export function regctl(binary: string): Peer {
  const file = (folder: string, { repository }: SeededImage) => join(folder, `${repository.replaceAll('/', '-')}.tar`);
  const command = (host: string, tls: boolean) => [binary, '--host', `reg=${host},tls=${tls ? 'enabled' : 'disabled'}`, 'image'];
  return {
    name: 'regctl, a file per image',
    versionArguments: ['version'],
    repositoryOf: mirrored,
    async build({ host, tls, images }, folder) {
      const commands = images.map((image) => [
        ...command(host, tls),
        'export',
        '--name',
        `${imageHost}/${image.repository}:${image.tag}`,
        `${host}/${image.repository}:${image.tag}`,
        file(folder, image),
      ]);
      return { commands, archives: images.map((image) => file(folder, image)) };
    },
    async push({ images, tls }, folder, targetHost) {
      const commands = images.map((image) => [
        ...command(targetHost, tls),
        'import',
        `${targetHost}/${mirrored(image)}:${image.tag}`,
        file(folder, image),
      ]);
      return { commands, archives: [] };
    },
  };
}
