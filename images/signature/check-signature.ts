import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { bundleJsonName } from '../bundle/bundle-layout.ts';
import type { BundleFile } from '../bundle/bundle-reader.ts';
import { isMinisigned, parseMinisign } from './minisign.ts';
import type { PublicKey } from './public-key.ts';
import { kindOf, type SignatureKind, signatureIn } from './signature-place.ts';
import { isSigstoreSigned, parseSigstore } from './sigstore-bundle.ts';

/** As much of a bundle as a signature needs. */
export type SignedBundle = Pick<BundleFile, 'path' | 'json' | 'parts' | 'readEntry' | 'readRaw'>;

/** What a bundle says of its signature. */
export interface FoundSignature {
  readonly kind: SignatureKind;
  /** What it says it was made with; of cosign the hint of the sigstore bundle, empty where it has none. */
  readonly keyId: string;
  /** True when it was checked and is right: then `keyId` is that of the key. */
  readonly proven: boolean;
}

/**
 * What the signature says, without a key to prove it; `undefined` when there is none, or not yet. Throws SIGNATURE_INVALID when what
 * stands in its place is no signature.
 */
export async function readSignature(bundle: SignedBundle): Promise<FoundSignature | undefined> {
  return (await findSignature(bundle))?.said;
}

/**
 * Proves that one of `keys` has signed the bundle.json that was opened, which names every other byte. Throws SIGNATURE_INVALID: not signed,
 * signed by another key, changed since.
 */
export async function proveSignature(
  bundle: SignedBundle,
  keys: readonly PublicKey[],
  options: { readonly signal: AbortSignal },
): Promise<FoundSignature> {
  const found = await findSignature(bundle);
  const known = keys.map(({ id }) => id).join(', ');
  if (found === undefined) {
    const later = bundle.json.signature === undefined ? '' : ' yet';
    throw refused(`${bundle.path} is not signed${later}, and only what one of these keys has signed is taken: ${known}`);
  }
  const { kind, keyId } = found.said;
  const message = await bundle.readEntry(bundleJsonName, options);
  const key = keys.find((one) => one.kind === kind && found.isRight(message, one));
  if (key !== undefined) return { kind, keyId: key.id, proven: true };
  if (kind === 'minisign' && keys.some(({ id }) => id === keyId)) {
    throw refused(`${bundle.path} is not what key ${keyId} has signed: bundle.json or the signature was changed`);
  }
  const by = keyId === '' ? '' : ` by ${keyId}`;
  throw refused(`${bundle.path} is signed${by}, and by none of the keys that are trusted, unless it was changed since: ${known}`);
}

interface Found {
  readonly said: FoundSignature;
  isRight(message: Buffer, key: PublicKey): boolean;
}

/** Reads the entry as it is: what does not fit its checksum is no better than a bad signature. */
async function findSignature({ path, json, parts, readRaw }: SignedBundle): Promise<Found | undefined> {
  const place = json.signature;
  const part = parts.find(({ name }) => name === place?.name);
  if (place === undefined || part === undefined) return undefined;
  const text = signatureIn(await readRaw(part.position, part.size));
  if (text === undefined) return undefined;
  return parseSignature(kindOf(place), text, `${place.name} of ${path}`);
}

function parseSignature(kind: SignatureKind, text: string, where: string): Found {
  if (kind === 'minisign') {
    const signature = parseMinisign(text, where);
    const said = { kind, keyId: signature.keyId, proven: false };
    return { said, isRight: (message, key) => key.id === signature.keyId && isMinisigned(message, signature, key) };
  }
  const signature = parseSigstore(text, where);
  const said = { kind, keyId: signature.keyHint, proven: false };
  return { said, isRight: (message, key) => isSigstoreSigned(message, signature, key) };
}

function refused(message: string): BundleError {
  return new BundleError('SIGNATURE_INVALID', message, {
    hint: 'do not use it before you have asked whoever made it, by another way than the one it came; if their key is new, add it to signedBy of the site',
  });
}
