import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Sign as SignSpec } from '../../bundle-spec/bundle.ts';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { BundleJson, SignaturePlace } from '../../bundle-spec/bundle-json.ts';
import { signMinisign } from './minisign.ts';
import { parseMinisignKey } from './minisign-key.ts';
import { checkCosign, runCosign } from './run-cosign.ts';
import { signaturePlaces } from './signature-place.ts';

/** Gives the signature of the bytes of bundle.json. */
export type Sign = (json: Buffer, options: { readonly signal: AbortSignal }) => Promise<Buffer>;

/** How a bundle is signed, found out before anything is fetched. */
export interface Signer {
  readonly place: SignaturePlace;
  /** Absent where the bundle is signed later. */
  readonly sign?: Sign;
}

interface SignerOptions {
  /** What paths of keys are relative to. */
  readonly folder: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/**
 * Reads and opens the key that a spec names; of cosign's that is seen by a trial. Throws FILE_UNREADABLE, CREDENTIALS_INVALID (no password, or a wrong one) and
 * SIGNATURE_INVALID (no key, no cosign).
 */
export async function openSigner(spec: SignSpec, options: SignerOptions): Promise<Signer> {
  if ('minisign' in spec) {
    const { minisign } = spec;
    const place = signaturePlaces.minisign;
    return 'later' in minisign ? { place } : { place, sign: await minisignSigner(minisign, options) };
  }
  const { cosign } = spec;
  const place = signaturePlaces.cosign;
  return 'later' in cosign ? { place } : { place, sign: await cosignSigner(cosign, options) };
}

type WithKey<T> = Exclude<T, { readonly later: true }>;
type MinisignSpec = WithKey<Extract<SignSpec, { readonly minisign: unknown }>['minisign']>;
type CosignSpec = WithKey<Extract<SignSpec, { readonly cosign: unknown }>['cosign']>;

async function minisignSigner({ secretKey, password }: MinisignSpec, options: SignerOptions): Promise<Sign> {
  const text = await readFile(resolve(options.folder, secretKey), { encoding: 'utf8', signal: options.signal }).catch(
    (cause: unknown) => {
      options.signal.throwIfAborted();
      throw new BundleError('FILE_UNREADABLE', `cannot read ${secretKey}, the key to sign with`, { cause });
    },
  );
  const key = await parseMinisignKey(text, secretKey, passwordOf(password, options));
  return async (json) => signMinisign(json, key, commentOf(json));
}

async function cosignSigner({ key, password }: CosignSpec, { folder, env, signal }: SignerOptions): Promise<Sign> {
  const secret = passwordOf(password, { env });
  await checkCosign({ signal });
  // `awskms://…` and its like are no paths.
  const place = /^[a-z0-9]+:\/\//.test(key) ? key : resolve(folder, key);
  const sign: Sign = (json, options) =>
    runCosign(json, { key: place, ...(secret === undefined ? {} : { password: secret }), ...options });
  await sign(Buffer.from('diolkos asks whether this key can sign\n'), { signal });
  return sign;
}

function passwordOf(
  reference: { readonly env: string } | undefined,
  { env = process.env }: { readonly env?: NodeJS.ProcessEnv | undefined },
): string | undefined {
  if (reference === undefined) return undefined;
  const password = env[reference.env];
  if (password !== undefined && password !== '') return password;
  throw new BundleError(
    'CREDENTIALS_INVALID',
    `the variable ${reference.env}, with the password of the key to sign with, is not set`,
  );
}

/** The trusted comment. It has no time in it, so that the same bundle gets the same signature. */
function commentOf(json: Buffer): string {
  const { metadata }: Pick<BundleJson, 'metadata'> = JSON.parse(json.toString());
  return `bundle.json of ${metadata.name} ${metadata.version}`;
}
