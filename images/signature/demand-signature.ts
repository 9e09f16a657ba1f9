import type { Site } from '../../bundle-spec/site.ts';
import { type FoundSignature, proveSignature, readSignature, type SignedBundle } from './check-signature.ts';
import { readKeys } from './read-keys.ts';

/**
 * What a site wants of a bundle's signature, before anything else of the bundle is read: with `signedBy`, that one of these keys made it;
 * without, nothing, and what the signature says is given back unproven. Throws SIGNATURE_INVALID, FILE_UNREADABLE.
 */
export async function demandSignature(
  bundle: SignedBundle,
  { signedBy }: Pick<Site, 'signedBy'>,
  options: { readonly directory: string; readonly signal: AbortSignal },
): Promise<FoundSignature | undefined> {
  if (signedBy === undefined) return await readSignature(bundle);
  return await proveSignature(bundle, await readKeys(signedBy, options), options);
}
