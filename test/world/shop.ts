/** The example in examples/shop, as a vendor has it: its images are in the registry in front of the gap, under their public names. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkout } from '../../build/image-context.ts';
import { publishedInstaller } from '../../cluster/install-manifests.ts';
import { shopImages } from '../../examples/seed-shop.ts';
import { version } from '../../src/version.ts';
import { imageSources } from './bundles.ts';
import { busyboxImage } from './images.ts';
import { installerImage } from './installer-image.ts';
import { must } from './installer-job.ts';
import type { World } from './world.ts';

/** Lays the example into a folder, with an installer and with the mirror that stands for the public registries. */
export async function layShop(world: World, folder: string): Promise<void> {
  await publishShop(world);
  await rm(folder, { recursive: true, force: true });
  await cp(join(checkout, 'examples/shop'), folder, { recursive: true });
  const file = join(folder, 'bundle.yaml');
  const hosts = ['docker.io', 'registry.example.com', 'tools.example.com'];
  const sources = { images: imageSources(world, hosts) };
  const spec = (await readFile(file, 'utf8')).replace('installer: none\n', '');
  await writeFile(file, `${spec}sources: ${JSON.stringify(sources)}\n`);
}

/** busybox plays every program of the shop; the installer is our own image under the name it is published by. */
async function publishShop(world: World): Promise<void> {
  const { host } = world.registryOutside;
  const program = await world.pushImage('outside', await busyboxImage(), 'docker.io/library/busybox:amd64');
  for (const { repository, tag } of shopImages) {
    await must(world.crane('outside', ['copy', program, `${host}/${repository}:${tag}`]));
  }
  await world.pushImage('outside', await installerImage(), publishedInstaller(version));
}
