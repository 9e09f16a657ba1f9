import { join } from 'node:path';
import { targetPrefix } from './contestant.ts';
import type { Peer } from './peers.ts';

/** `crane pull` of all images into one OCI layout, which is then packed with tar; unpacked again, `crane push` of the whole layout. */
export function crane(binary: string): Peer {
  const repository = `${targetPrefix}/all`;
  const places = (folder: string) => ({ layout: join(folder, 'layout'), archive: join(folder, 'layout.tar') });
  return {
    name: 'crane, layout and tar',
    versionArguments: ['version'],
    repositoryOf: () => repository,
    async build({ host, images }, folder) {
      const { layout, archive } = places(folder);
      const references = images.map((image) => `${host}/${image.repository}:${image.tag}`);
      const pull = [binary, 'pull', '--format=oci', ...references, layout];
      return { commands: [pull, ['tar', '-C', folder, '-cf', archive, 'layout']], archives: [archive] };
    },
    async push(_set, folder, targetHost) {
      const { layout, archive } = places(folder);
      const push = [binary, 'push', '--index', layout, `${targetHost}/${repository}:all`];
      return { commands: [['tar', '-C', folder, '-xf', archive], push], archives: [] };
    },
  };
}
