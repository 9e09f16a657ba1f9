import { readFile, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { volumeName } from '../bundle/volume-set.ts';
import { exists } from './output-disk.ts';
import type { OutputFile } from './output-volumes.ts';

/** What describes volumes, and the checksums of them or of a single file. */
export const partsName = (output: string): string => `${output}.parts.json`;
export const sumsName = (output: string): string => `${output}.sha256`;

/**
 * Removes what would be wrong beside the new files: checksums of those that they replace, and, of an earlier build in more volumes, its
 * parts.json and the volumes that go on where the new ones end. A number behind a gap is somebody else's, such as a year. Another bundle
 * of the same name in one file stays.
 */
export async function removeLeftovers(output: string, files: readonly OutputFile[]): Promise<void> {
  const [first] = files;
  const single = first?.path === output;
  if (await speaksOf(sumsName(output), single ? basename(output) : undefined)) await rm(sumsName(output), { force: true });
  if (single) return;
  await rm(partsName(output), { force: true });
  for (let number = files.length + 1; await exists(volumeName(output, number)); number += 1) {
    await rm(volumeName(output, number), { force: true });
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
