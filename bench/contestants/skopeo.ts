import { join } from 'node:path';
import { run } from '../../build/command.ts';
import { skopeoBinary } from '../../test/world/machine/skopeo.ts';
import { imageHost } from '../image-set.ts';
import type { SeededImage } from '../seed-registry.ts';
import { type Contestant, targetPrefix } from './contestant.ts';

/** `skopeo copy --all` to one `oci-archive:` an image, one image after the other, and from there to the target. */
export async function skopeo(options: { readonly signal: AbortSignal }): Promise<Contestant> {
  const binary = await skopeoBinary(options);
  const { stdout } = await run([binary, '--version'], options);
  const copy = [binary, '--insecure-policy', 'copy', '--all', '--quiet'];
  const file = (folder: string, { repository }: SeededImage) => join(folder, `${repository.replaceAll('/', '-')}.tar`);
  const archive = (folder: string, image: SeededImage) =>
    `oci-archive:${file(folder, image)}:${imageHost}/${image.repository}:${image.tag}`;
  return {
    name: 'skopeo, oci-archive per image',
    version: stdout.trim(),
    env: {},
    pushesImages: true,
    async build({ host, images }, folder) {
      const commands = images.map((image) => [
        ...copy,
        '--src-tls-verify=false',
        `docker://${host}/${image.repository}:${image.tag}`,
        archive(folder, image),
      ]);
      return { commands, archives: images.map((image) => file(folder, image)) };
    },
    async push({ images }, folder, targetHost) {
      const commands = images.map((image) => [
        ...copy,
        '--dest-tls-verify=false',
        archive(folder, image),
        `docker://${targetHost}/${targetPrefix}/${imageHost}/${image.repository}:${image.tag}`,
      ]);
      return { commands, archives: [] };
    },
  };
}
