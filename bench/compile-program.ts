import { copyFile, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../build/command.ts';

const checkout = join(import.meta.dirname, '..');

/** Compiles the program as it is published (`dist/`) into `folder`, so that edits meanwhile do not matter. Returns the path of its main file. */
export async function compileProgram(folder: string, options: { readonly signal: AbortSignal }): Promise<string> {
  await mkdir(folder, { recursive: true });
  await symlink(join(checkout, 'node_modules'), join(folder, 'node_modules'));
  await copyFile(join(checkout, 'package.json'), join(folder, 'package.json'));
  const dist = join(folder, 'dist');
  await run(
    [join(checkout, 'node_modules/.bin/tsc'), '--project', join(checkout, 'build/tsconfig.json'), '--outDir', dist],
    options,
  );
  return join(dist, 'src/main.js');
}
