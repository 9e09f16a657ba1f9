import { basename } from 'node:path';
import { apiVersion, type Digest } from '../../bundle-spec/names.ts';
import { PartsJson } from '../../bundle-spec/parts-json.ts';
import type { OutputFile } from './output-volumes.ts';
import type { Beside } from './partial-file.ts';
import { partsName, sumsName } from './volume-leftovers.ts';

interface SummedVolumes {
  readonly files: readonly OutputFile[];
  /** Of the files, in their order. */
  readonly digests: readonly Digest[];
  readonly bundleJson: Digest;
}

/** The checksum of a bundle in one file, as `sha256sum --check` takes it. */
export function besideFile(output: string, digests: readonly Digest[]): readonly Beside[] {
  return [{ path: sumsName(output), text: sumLines([{ path: output }], digests) }];
}

/** Checksums of the volumes, and last of all parts.json: where it is, all of them are whole. */
export function besideVolumes(output: string, { files, digests, bundleJson }: SummedVolumes): readonly Beside[] {
  const parts = PartsJson.parse({
    apiVersion,
    kind: 'PartsJson',
    name: basename(output),
    size: files.reduce((sum, { size }) => sum + size, 0),
    bundleJson,
    parts: files.map(({ path, size }, index) => ({ name: basename(path), size, sha256: hexOf(digests[index]) })),
  });
  return [
    { path: sumsName(output), text: sumLines(files, digests) },
    { path: partsName(output), text: `${JSON.stringify(parts, null, 2)}\n` },
  ];
}

function sumLines(files: readonly Pick<OutputFile, 'path'>[], digests: readonly Digest[]): string {
  return files.map(({ path }, index) => `${hexOf(digests[index])}  ${basename(path)}\n`).join('');
}

function hexOf(digest: Digest | undefined): string {
  return (digest ?? '').slice('sha256:'.length);
}
