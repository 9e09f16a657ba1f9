import { join } from 'node:path';
import type { SeededImage } from '../seed-registry.ts';
import { mirrored } from './contestant.ts';
import type { Peer } from './peers.ts';

/** `oras cp` of each image into one OCI layout, which is then packed with tar; `oras cp` reads the tar in place. */
export function oras(binary: string): Peer {
  const places = (folder: string) => ({ layout: join(folder, 'layout'), archive: join(folder, 'layout.tar') });
  const nameOf = ({ repository }: SeededImage) => repository.replaceAll('/', '-');
  const plain = (side: 'from' | 'to', tls: boolean) => (tls ? [] : [`--${side}-plain-http`]);
  return {
    name: 'oras, layout and tar',
    versionArguments: ['version'],
    repositoryOf: mirrored,
    async build({ host, tls, images }, folder) {
      const { layout, archive } = places(folder);
      const copies = images.map((image) => [
        ...[binary, 'cp', '--no-tty', ...plain('from', tls), '--to-oci-layout'],
        ...[`${host}/${image.repository}:${image.tag}`, `${layout}:${nameOf(image)}`],
      ]);
      return { commands: [...copies, ['tar', '-C', layout, '-cf', archive, '.']], archives: [archive] };
    },
    async push({ images, tls }, folder, targetHost) {
      const { archive } = places(folder);
      const commands = images.map((image) => [
        ...[binary, 'cp', '--no-tty', ...plain('to', tls), '--from-oci-layout'],
        ...[`${archive}:${nameOf(image)}`, `${targetHost}/${mirrored(image)}:${image.tag}`],
      ]);
      return { commands, archives: [] };
    },
  };
}
