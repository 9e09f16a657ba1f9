import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { targetPrefix } from './contestant.ts';
import type { Peer } from './peers.ts';

/** `imgpkg copy --lock` to one tar, and from it to one repository, where everything has its digest for a tag. */
export function imgpkg(binary: string): Peer {
  const repository = `${targetPrefix}/all`;
  const tar = (folder: string) => join(folder, 'images.tar');
  const copy = (tls: boolean) => [binary, 'copy', '--tty=false', `--registry-insecure=${!tls}`];
  return {
    name: 'imgpkg',
    versionArguments: ['version'],
    repositoryOf: () => repository,
    async build({ host, tls, images }, folder) {
      const lock = join(folder, 'images.lock.yaml');
      const references = images.map(({ repository: path, digest }) => ({ image: `${host}/${path}@${digest}` }));
      await writeFile(lock, JSON.stringify({ apiVersion: 'imgpkg.carvel.dev/v1alpha1', kind: 'ImagesLock', images: references }));
      return { commands: [[...copy(tls), '--lock', lock, '--to-tar', tar(folder)]], archives: [tar(folder)] };
    },
    async push({ tls }, folder, targetHost) {
      const command = [...copy(tls), '--tar', tar(folder), '--to-repo', `${targetHost}/${repository}`];
      return { commands: [command], archives: [] };
    },
  };
}
