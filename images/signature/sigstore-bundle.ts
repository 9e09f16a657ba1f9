import { createHash, verify } from 'node:crypto';
import { z } from 'zod';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { jsonValue } from '../json-value.ts';
import type { PublicKey } from './public-key.ts';

const Base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);

/** What is read of a sigstore bundle (protobuf-specs, sigstore_bundle.proto); certificates and logs are for those who use them. */
const SigstoreJson = z.object({
  mediaType: z.string().regex(/^application\/vnd\.dev\.sigstore\.bundle(\.v0\.\d+\+json|\+json;version=0\.\d+)$/),
  verificationMaterial: z.object({ publicKey: z.object({ hint: z.string().max(1024).default('') }).optional() }),
  messageSignature: z.object({
    messageDigest: z.object({ algorithm: z.literal(['SHA2_256', 'SHA2_384', 'SHA2_512']), digest: Base64 }),
    signature: Base64,
  }),
});

/** A signature that cosign made, not yet checked. */
export interface SigstoreSignature {
  /** How the bundle names its key, as it stands there; empty where it has a certificate. */
  readonly keyHint: string;
  readonly algorithm: 'sha256' | 'sha384' | 'sha512';
  readonly digest: Buffer;
  readonly signature: Buffer;
}

/** Reads a sigstore bundle of a signed file (`cosign sign-blob --bundle`). Throws SIGNATURE_INVALID when it is none. */
export function parseSigstore(text: string, where: string): SigstoreSignature {
  const { data } = SigstoreJson.safeParse(jsonValue(text));
  if (data === undefined) {
    throw new BundleError('SIGNATURE_INVALID', `${where} holds no signature of cosign`, {
      hint: 'sign with cosign 3: cosign sign-blob --bundle bundle.json.sigstore.json bundle.json',
    });
  }
  const { messageDigest, signature } = data.messageSignature;
  return {
    keyHint: data.verificationMaterial.publicKey?.hint ?? '',
    algorithm: `sha${messageDigest.algorithm.slice(-3) as '256' | '384' | '512'}`,
    digest: Buffer.from(messageDigest.digest, 'base64'),
    signature: Buffer.from(signature, 'base64'),
  };
}

/** True when `key` has signed exactly `message`: ECDSA or RSA over the digest that the bundle names, or Ed25519 over the bytes. */
export function isSigstoreSigned(
  message: Buffer,
  { algorithm, digest, signature }: SigstoreSignature,
  { key }: PublicKey,
): boolean {
  if (!createHash(algorithm).update(message).digest().equals(digest)) return false;
  return verify(key.asymmetricKeyType === 'ed25519' ? null : algorithm, message, key, signature);
}
