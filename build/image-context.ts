/** Lays out what the Dockerfile copies: `.image/`, made of `dist/` and helm. */
import { chmod, copyFile, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
  await cp(join(checkout, 'dist'), join(image, 'app/dist'), { recursive: true });
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
process.argv[1] = '/app/dist/diolkos.js';
require('node:module').runMain();
`;
