import { dirname } from 'node:path';
import { readSite } from '../bundle-spec/read-bundle.ts';
import type { SigningKey } from '../bundle-spec/site.ts';
import { openBundle } from '../images/bundle/bundle-reader.ts';
import { type FoundSignature, proveSignature, readSignature } from '../images/signature/check-signature.ts';
import type { PublicKey } from '../images/signature/public-key.ts';
import { readKeys } from '../images/signature/read-keys.ts';

interface KeyOptions {
  /** Files of public keys, relative to the working directory. */
  readonly key?: readonly string[];
  /** A site, for its `signedBy`. */
  readonly site?: string;
  readonly signal: AbortSignal;
}

/** The keys that somebody named on the command line, or a site. Throws FILE_UNREADABLE, SITE_INVALID, SIGNATURE_INVALID. */
export async function trustedKeys({ key = [], site, signal }: KeyOptions): Promise<PublicKey[]> {
  const named = await readKeys(
    key.map((file): SigningKey => ({ file })),
    { directory: process.cwd(), signal },
  );
  if (site === undefined) return named;
  const { signedBy = [] } = await readSite(site, { signal });
  return [...named, ...(await readKeys(signedBy, { directory: dirname(site), signal }))];
}

/** The signature of a bundle: proven when there are keys; `undefined` when there is none. Throws SIGNATURE_INVALID, BUNDLE_*. */
export async function verifySignature(
  file: string,
  keys: readonly PublicKey[],
  options: { readonly volumes?: readonly string[]; readonly signal: AbortSignal },
): Promise<FoundSignature | undefined> {
  const bundle = await openBundle(file, options);
  try {
    return keys.length === 0 ? await readSignature(bundle) : await proveSignature(bundle, keys, options);
  } finally {
    await bundle.close();
  }
}
