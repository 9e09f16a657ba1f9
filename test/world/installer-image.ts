import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached } from '../../build/cache.ts';
import { run } from '../../build/command.ts';
import { hostArchitecture } from '../../build/go-program.ts';
import { helm4 } from '../../build/helm.ts';
import { checkout, layImageContext } from '../../build/image-context.ts';
import { baseImageStore } from './base-images.ts';
import { buildContext, writeArchive } from './buildah.ts';
import type { ImageArchive } from './images.ts';

const reference = 'localhost/diolkos:test';

/** All that the image is made of, besides the base images: a change in one makes another image. */
const sources = ['{bundle-spec,images,helm,cluster,src,job}/**/*', 'build/*', 'Dockerfile', 'package.json', 'package-lock.json'];

/** The installer image, built from our own Dockerfile as the checkout stands; quick when nothing changed. */
export async function installerImage(options: { signal?: AbortSignal } = {}): Promise<ImageArchive> {
  const store = await baseImageStore(options);
  const inputs = [...(await readSources()), JSON.stringify(helm4), hostArchitecture, store.folder];
  const folder = await cached('installer-image', inputs, async (folder) => {
    await run([process.execPath, 'build/dist.ts'], { ...options, cwd: checkout });
    const context = await mkdtemp(join(tmpdir(), 'diolkos-context-'));
    try {
      await layImageContext(context, [hostArchitecture], options);
      const buildArgs = { TARGETARCH: hostArchitecture };
      await buildContext(store, { context, dockerfile: join(checkout, 'Dockerfile'), reference, buildArgs }, options);
      await writeArchive(store, reference, join(folder, 'image.tar'), options);
    } finally {
      await rm(context, { recursive: true, force: true });
    }
  });
  return { archive: join(folder, 'image.tar'), reference };
}

/** Names and contents, so that a file that moved counts too. */
async function readSources(): Promise<(string | Buffer)[]> {
  const files = globSync(sources, { cwd: checkout, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  const contents = await Promise.all(paths.map((path) => readFile(path)));
  return [paths.map((path) => path.slice(checkout.length)).join('\n'), ...contents];
}
