import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { SigningKey } from '../../bundle-spec/site.ts';
import { type PublicKey, parsePublicKey } from './public-key.ts';

interface KeyOptions {
  /** What `file` is relative to. */
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** The public keys of a site, in the order given. Throws FILE_UNREADABLE, SIGNATURE_INVALID. */
export async function readKeys(keys: readonly SigningKey[], options: KeyOptions): Promise<PublicKey[]> {
  const read = async (key: SigningKey, index: number): Promise<PublicKey> =>
    'inline' in key
      ? parsePublicKey(key.inline, `signedBy[${index}]`)
      : parsePublicKey(await readKeyText(key.file, options), key.file);
  return await Promise.all(keys.map(read));
}

/** The text of a key file. Throws FILE_UNREADABLE. */
export async function readKeyText(file: string, { directory, signal }: KeyOptions): Promise<string> {
  return await readFile(resolve(directory, file), { encoding: 'utf8', signal }).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new BundleError('FILE_UNREADABLE', `cannot read the public key ${file}`, { cause });
  });
}
