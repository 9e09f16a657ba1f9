import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { SignatureKind } from './signature-place.ts';

/** A key that signatures are checked with. */
export interface PublicKey {
  readonly kind: SignatureKind;
  /** Of minisign the key id as minisign prints it; of cosign what its sigstore bundles call the key: base64 of the sha256 of its DER. */
  readonly id: string;
  readonly key: KeyObject;
}

/** DER of an Ed25519 public key but for its 32 bytes (RFC 8410). */
const ed25519Prefix = Buffer.from('302a300506032b6570032100', 'hex');

/** Curves that cosign and the KMS it knows sign with. */
const curves: readonly (string | undefined)[] = ['prime256v1', 'secp384r1', 'secp521r1'];

/**
 * Reads a public key: of minisign its line (`RW…`) or its file, of cosign the PEM that `cosign public-key` prints. `where` names it in
 * the error. Throws SIGNATURE_INVALID for what is no public key, a secret one too; no byte of it is in the message.
 */
export function parsePublicKey(text: string, where: string): PublicKey {
  if (text.includes('-----BEGIN PUBLIC KEY-----')) return parsePem(text, where);
  const line = text
    .split(/\r?\n/)
    .map((one) => one.trim())
    .findLast((one) => one !== '');
  const bytes = Buffer.from(line ?? '', 'base64');
  if (!/^[A-Za-z0-9+/]{56}$/.test(line ?? '') || bytes.toString('latin1', 0, 2) !== 'Ed') throw noKey(text, where);
  const key = createPublicKey({ key: Buffer.concat([ed25519Prefix, bytes.subarray(10)]), format: 'der', type: 'spki' });
  return { kind: 'minisign', id: minisignId(bytes.subarray(2, 10)), key };
}

/** A key id as minisign prints it: the number that its eight bytes make, the lowest first. */
export function minisignId(bytes: Buffer): string {
  return bytes.readBigUInt64LE().toString(16).toUpperCase().padStart(16, '0');
}

function parsePem(text: string, where: string): PublicKey {
  let key: KeyObject;
  try {
    key = createPublicKey(text);
  } catch {
    throw noKey(text, where);
  }
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const type = key.asymmetricKeyType;
  const taken = type === 'ed25519' || (type === 'ec' && curves.includes(namedCurve)) || (type === 'rsa' && modulusLength >= 2048);
  if (!taken) throw new BundleError('SIGNATURE_INVALID', `${where} is a key of a kind that cosign does not sign with`);
  const id = createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest('base64');
  return { kind: 'cosign', id, key };
}

function noKey(text: string, where: string): BundleError {
  const secret = /PRIVATE KEY|secret key/i.test(text);
  return new BundleError('SIGNATURE_INVALID', `${where} is ${secret ? 'a secret key, not a public one' : 'no public key'}`, {
    hint: 'give the line of minisign.pub that begins with RW, or the PEM text of cosign.pub',
  });
}
