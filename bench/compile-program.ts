import { join } from 'node:path';
import { bundleProgram } from '../build/bundle-program.ts';

/** Bundles the program as it is published (`dist/`) into `folder`, so that edits meanwhile do not matter. Returns the path of its main file. */
export async function compileProgram(folder: string): Promise<string> {
  await bundleProgram(folder);
  return join(folder, 'diolkos.js');
}
