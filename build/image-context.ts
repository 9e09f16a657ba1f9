/** Lays out what the Dockerfile copies: `.image/`, made of `dist/`, the production modules and helm. */
import { chmod, copyFile, glob, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { run } from './command.ts';
import type { Architecture } from './go-program.ts';
import { helm4Binary } from './helm.ts';

export const checkout = join(import.meta.dirname, '..');

interface ContextOptions {
  readonly signal?: AbortSignal;
}

/**
 * Fills `<context>/.image` for the given architectures from the checkout's `dist/`, which must be built. Modes are set,
 * because the installer runs as a user that owns none of it.
 */
export async function layImageContext(
  context: string,
  architectures: readonly Architecture[],
  options: ContextOptions = {},
): Promise<void> {
  const image = join(context, '.image');
  await rm(image, { recursive: true, force: true });
  await mkdir(join(image, 'app'), { recursive: true });
  await mkdir(join(image, 'bin'));
  await copyFile(join(checkout, 'package.json'), join(image, 'app/package.json'));
  const modules = join(await productionModules(options), 'node_modules');
  // Thousands of files: the program is several times quicker than node's `cp`.
  await run(['cp', '--archive', join(checkout, 'dist'), modules, join(image, 'app')], options);
  for (const arch of architectures) {
    await mkdir(join(image, 'helm', arch), { recursive: true });
    await copyFile(await helm4Binary(arch, options), join(image, 'helm', arch, 'helm'));
  }
  await writeFile(join(image, 'bin/diolkos'), launcher);
  await run(['chmod', '-R', 'u=rwX,go=rX', image], options);
  await chmod(join(image, 'bin/diolkos'), 0o755);
}

/** The base has no `env` that the usual first line could call, so this one names node itself. */
const launcher = `#!/usr/local/bin/node
process.argv[1] = '/app/dist/src/main.js';
require('node:module').runMain();
`;

/** Half of all files, and node reads none of them. */
const unread = ['**/*.d.ts', '**/*.d.mts', '**/*.d.cts', '**/*.map'];

/** The folder whose `node_modules` holds what the program needs at run time, as the lockfile says, and nothing else. */
export async function productionModules(options: ContextOptions = {}): Promise<string> {
  // The lockfile repeats the dependencies of package.json, whose other fields do not matter here.
  const defining = ['package-lock.json', '.npmrc'];
  const files = await Promise.all(defining.map((name) => readFile(join(checkout, name))));
  return await cached('production-modules', [...files, ...unread], async (folder) => {
    const scratch = await mkdtemp(join(tmpdir(), 'diolkos-modules-'));
    try {
      for (const name of [...defining, 'package.json']) await copyFile(join(checkout, name), join(scratch, name));
      const quiet = ['--ignore-scripts', '--no-audit', '--no-fund'];
      await run(['npm', 'ci', '--omit=dev', ...quiet], { ...options, cwd: scratch });
      for await (const file of glob(unread, { cwd: join(scratch, 'node_modules') }))
        await rm(join(scratch, 'node_modules', file));
      await run(['cp', '--archive', join(scratch, 'node_modules'), folder], options);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
}
