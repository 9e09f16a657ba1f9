import { type TarBytes, walkTarBytes } from './tar-walk.ts';

/** Entries looked at before a tar is taken for one of an unknown kind. */
const enough = 5_000;

const compressions: readonly (readonly [string, string])[] = [
  ['1f8b', 'it is compressed with gzip; decompress it first'],
  ['28b52ffd', 'it is compressed with zstd; decompress it first'],
  ['fd377a585a00', 'it is compressed with xz; decompress it first'],
  ['425a68', 'it is compressed with bzip2; decompress it first'],
  ['504b0304', 'it is a zip file'],
];

/** Says what a file is that is not a bundle of ours, as the second half of a sentence about it. */
export async function describeForeign(bytes: TarBytes, options: { readonly signal: AbortSignal }): Promise<string> {
  if (bytes.size === 0) return 'it is empty';
  const start = (await bytes.read(0, Math.min(bytes.size, 512))).toString('hex');
  const compression = compressions.find(([magic]) => start.startsWith(magic));
  if (compression !== undefined) return compression[1];
  return describeTar(await tarNames(bytes, options));
}

function describeTar(names: ReadonlySet<string>): string {
  if (names.size === 0) return 'it is no tar';
  if (names.has('bundle.json')) return 'its first entry is not bundle.json: somebody has packed it anew';
  if (names.has('oci-layout')) return 'it is an OCI archive, made by another tool';
  if (names.has('manifest.json')) return 'it is a docker archive, made by docker save or the like';
  return 'it is a tar of something else';
}

async function tarNames(bytes: TarBytes, options: { readonly signal: AbortSignal }): Promise<Set<string>> {
  const names = new Set<string>();
  try {
    for await (const { name } of walkTarBytes(bytes, 'the file', options)) {
      names.add(name);
      if (names.size >= enough) break;
    }
  } catch {
    options.signal.throwIfAborted(); // what was seen before the tar went wrong is answer enough
  }
  return names;
}
