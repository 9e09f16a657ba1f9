/** Builds images with buildah, in a store of its own, with no registry and no network. */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from '../../build/command.ts';

/** An image made of files of this machine. */
export interface LocalImage {
  readonly reference: string;
  /** Instructions that need no network. */
  readonly dockerfile: string;
  /** Path in the build context -> file or folder on this machine. */
  readonly files: Readonly<Record<string, string>>;
}

interface BuildOptions {
  readonly signal?: AbortSignal;
}

/** Where buildah keeps images between commands. */
export interface Store {
  readonly folder: string;
}

/** Builds an image from its files and leaves it in the store. */
export async function buildLocalImage(store: Store, image: LocalImage, options: BuildOptions = {}): Promise<void> {
  const context = await mkdtemp(join(tmpdir(), 'diolkos-context-'));
  try {
    for (const [path, source] of Object.entries(image.files)) {
      await mkdir(dirname(join(context, path)), { recursive: true });
      await cp(source, join(context, path), { recursive: true, dereference: false, verbatimSymlinks: true });
    }
    const dockerfile = join(context, 'Dockerfile');
    await writeFile(dockerfile, image.dockerfile);
    await buildContext(store, { context, dockerfile, reference: image.reference }, options);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

export interface ContextBuild {
  readonly context: string;
  readonly dockerfile: string;
  readonly reference: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
}

/** `buildah bud` with what the store holds as its only base images; equal inputs give equal layers. */
export async function buildContext(store: Store, build: ContextBuild, options: BuildOptions = {}): Promise<void> {
  const buildArgs = Object.entries(build.buildArgs ?? {}).map(([name, value]) => `--build-arg=${name}=${value}`);
  const isolation = ['--pull=never', '--isolation=chroot', '--layers', '--timestamp=0'];
  await buildah(
    store,
    ['bud', ...isolation, ...buildArgs, `--tag=${build.reference}`, `--file=${build.dockerfile}`, build.context],
    options,
  );
}

/** Writes an image of the store to an OCI archive. */
export async function writeArchive(store: Store, reference: string, archive: string, options: BuildOptions = {}): Promise<void> {
  await buildah(store, ['push', '--format=oci', reference, `oci-archive:${archive}:${reference}`], options);
}

async function buildah(store: Store, args: readonly string[], options: BuildOptions): Promise<void> {
  // The run folder names mounts of this boot only.
  const runRoot = await mkdtemp(join(tmpdir(), 'diolkos-buildah-'));
  const place = ['--root', store.folder, '--runroot', runRoot, '--storage-driver', 'overlay'];
  try {
    await run(['buildah', ...place, ...args], options);
  } finally {
    await rm(runRoot, { recursive: true, force: true });
  }
}
