import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { OutputFile } from './output-volumes.ts';

/** What describes volumes, and the checksums of them or of a single file. */
export const partsName = (output: string): string => `${output}.parts.json`;
export const sumsName = (output: string): string => `${output}.sha256`;

/**
 * Removes what would be wrong beside the new files: checksums of those that they replace, and, of an earlier build in volumes, its
 * parts.json and the volumes whose numbers are not used any more. Another bundle of the same name in one file stays.
 */
export async function removeLeftovers(output: string, files: readonly OutputFile[]): Promise<void> {
  const [first] = files;
  const single = first?.path === output;
  if (await speaksOf(sumsName(output), single ? basename(output) : undefined)) await rm(sumsName(output), { force: true });
  if (single) return;
  await rm(partsName(output), { force: true });
  const wanted = new Set(files.map(({ path }) => basename(path)));
  const name = basename(output);
  for (const found of await readdir(dirname(output))) {
    const isVolume = found.startsWith(`${name}.`) && /^\d{3,4}$/.test(found.slice(name.length + 1));
    if (isVolume && !wanted.has(found)) await rm(join(dirname(output), found), { force: true });
  }
}

/** Whether a file has checksums as `sha256sum` writes them, and among them one of `name`. */
async function speaksOf(file: string, name: string | undefined): Promise<boolean> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const names = text
    .trimEnd()
    .split('\n')
    .map((line) => /^[0-9a-f]{64} [ *](.+)$/.exec(line)?.[1]);
  if (names.some((found) => found === undefined)) return false;
  return name === undefined || names.includes(name);
}
