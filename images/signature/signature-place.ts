import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { SignaturePlace } from '../../bundle-spec/bundle-json.ts';

/** The two forms of a signature: minisign's, and the sigstore bundle that cosign writes. */
export type SignatureKind = 'minisign' | 'cosign';

/**
 * The entries that a bundle keeps free for a signature of its bundle.json. Their sizes are fixed before there is a signature, so that
 * every offset is known; a sigstore bundle with a certificate and a log entry has some 6 KB.
 */
export const signaturePlaces: Readonly<Record<SignatureKind, SignaturePlace>> = {
  minisign: { name: 'bundle.json.minisig', size: 1024 },
  cosign: { name: 'bundle.json.sigstore.json', size: 16_384 },
};

export function kindOf({ name }: SignaturePlace): SignatureKind {
  return name === signaturePlaces.minisign.name ? 'minisign' : 'cosign';
}

/**
 * A signature as it stands in its entry: the line ends that fill it up are read over by minisign and cosign. `undefined` gives the entry
 * of a bundle that is still to be signed. Throws SIGNATURE_INVALID when it does not fit.
 */
export function filledPlace(place: SignaturePlace, signature: Buffer | undefined): Buffer {
  const filled = Buffer.alloc(place.size, '\n');
  if (signature !== undefined && signature.length > place.size) {
    throw new BundleError(
      'SIGNATURE_INVALID',
      `the signature has ${signature.length} bytes, and ${place.name} has place for ${place.size}`,
    );
  }
  signature?.copy(filled);
  return filled;
}

/** The text of a signature's entry; `undefined` when the bundle was never signed. */
export function signatureIn(entry: Buffer): string | undefined {
  const text = entry.toString('utf8');
  return text.trim() === '' ? undefined : text;
}
