import { readFile } from 'node:fs/promises';
import type { Sign as SignSpec } from '../bundle-spec/bundle.ts';
import { BundleError } from '../bundle-spec/bundle-error.ts';
import { openBundle } from '../images/bundle/bundle-reader.ts';
import { type FoundSignature, readSignature } from '../images/signature/check-signature.ts';
import { signBundle } from '../images/signature/sign-bundle.ts';
import { kindOf, type SignatureKind } from '../images/signature/signature-place.ts';
import { openSigner, type Sign } from '../images/signature/signer.ts';

interface SignOptions {
  readonly key?: string;
  readonly passwordEnv?: string;
  /** A file with a signature that was made elsewhere. */
  readonly signature?: string;
  readonly again: boolean;
  readonly signal: AbortSignal;
}

/**
 * Signs a bundle that has a place for a signature and gives what then stands there. Throws USAGE_INVALID, SIGNATURE_INVALID,
 * CREDENTIALS_INVALID, FILE_UNREADABLE, FILE_UNWRITABLE, BUNDLE_*.
 */
export async function signInPlace(file: string, options: SignOptions): Promise<FoundSignature | undefined> {
  const { key, signature, again, signal } = options;
  if ((key === undefined) === (signature === undefined)) {
    throw new BundleError('USAGE_INVALID', 'give either --key or --signature', { hint: 'diolkos sign --help has examples' });
  }
  const kind = await kindIn(file, signal);
  const sign = key === undefined ? await givenSignature(signature ?? '') : await keySigner(kind, key, options);
  await signBundle(file, sign, { again, signal });
  const bundle = await openBundle(file, { signal });
  try {
    return await readSignature(bundle);
  } finally {
    await bundle.close();
  }
}

/** What the bundle has place for; minisign where it has none, which is told when it is signed. */
async function kindIn(file: string, signal: AbortSignal): Promise<SignatureKind> {
  const bundle = await openBundle(file, { signal });
  const place = bundle.json.signature;
  await bundle.close();
  return place === undefined ? 'minisign' : kindOf(place);
}

async function keySigner(kind: SignatureKind, key: string, { passwordEnv, signal }: SignOptions): Promise<Sign> {
  const password = passwordEnv === undefined ? {} : { password: { env: passwordEnv } };
  const spec: SignSpec = kind === 'minisign' ? { minisign: { secretKey: key, ...password } } : { cosign: { key, ...password } };
  const { sign } = await openSigner(spec, { folder: process.cwd(), signal });
  if (sign === undefined) throw new Error('a spec with a key gives a signer');
  return sign;
}

async function givenSignature(file: string): Promise<Sign> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new BundleError('FILE_UNREADABLE', `cannot read ${file}`, { cause });
  });
  return async () => bytes;
}
