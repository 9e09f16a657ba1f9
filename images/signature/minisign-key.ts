import { createPrivateKey, createPublicKey, type KeyObject, scrypt } from 'node:crypto';
import { BundleError } from '../../bundle-spec/bundle-error.ts';

/** A secret key of minisign, ready to sign. */
export interface MinisignKey {
  /** The eight bytes by which a signature names its key. */
  readonly id: Buffer;
  readonly key: KeyObject;
}

/** Bytes of a secret key file once decoded (minisign, "Secret key format"): algorithms, salt, limits, then what may be encrypted. */
const sizes = { algorithms: 6, salt: 32, limits: 16, sealed: 104 } as const;

/** DER of an Ed25519 private key but for its 32 bytes (RFC 8410). */
const ed25519Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** More memory than this is no key that minisign makes, which asks for 1 GiB. */
const mostMemory = 2n << 30n;

/**
 * Reads the text of a secret key file. An encrypted one takes a second and, for that second, 1 GiB of memory: minisign wants it so.
 * Throws SIGNATURE_INVALID when it is none, CREDENTIALS_INVALID when the password is missing or wrong; neither text is in a message.
 */
export async function parseMinisignKey(text: string, where: string, password: string | undefined): Promise<MinisignKey> {
  const line = text.split(/\r?\n/).find((one) => one !== '' && !one.startsWith('untrusted comment:'));
  const bytes = Buffer.from(line ?? '', 'base64');
  if (bytes.length !== 158 || bytes.toString('latin1', 0, 2) !== 'Ed') {
    throw new BundleError('SIGNATURE_INVALID', `${where} is no secret key of minisign`, {
      hint: 'minisign -G makes a key pair; the spec names minisign.key',
    });
  }
  const opened = await unsealed(bytes, where, password);
  const key = createPrivateKey({ key: Buffer.concat([ed25519Prefix, opened.subarray(8, 40)]), format: 'der', type: 'pkcs8' });
  if (publicBytes(key).equals(opened.subarray(40, 72))) return { id: Buffer.from(opened.subarray(0, 8)), key };
  throw new BundleError('CREDENTIALS_INVALID', `the password does not open ${where}, or the key is damaged`);
}

/** Key id, secret key, public key and checksum, in plain. */
async function unsealed(bytes: Buffer, where: string, password: string | undefined): Promise<Buffer> {
  const sealed = bytes.subarray(-sizes.sealed);
  const kdf = bytes.toString('latin1', 2, 4);
  if (kdf === '\0\0') return sealed;
  if (kdf !== 'Sc') throw new BundleError('SIGNATURE_INVALID', `${where} is encrypted in a way that is not known`);
  if (password === undefined) {
    throw new BundleError('CREDENTIALS_INVALID', `${where} is encrypted, and no password is given`, {
      hint: 'name the variable that holds it: sign: { minisign: { secretKey: …, password: { env: NAME } } }',
    });
  }
  const salt = bytes.subarray(sizes.algorithms, sizes.algorithms + sizes.salt);
  const limits = bytes.subarray(sizes.algorithms + sizes.salt, sizes.algorithms + sizes.salt + sizes.limits);
  const stream = await stretched(password, salt, scryptCost(limits.readBigUInt64LE(0), limits.readBigUInt64LE(8), where));
  return Buffer.from(sealed.map((byte, index) => byte ^ (stream[index] ?? 0)));
}

interface ScryptCost {
  readonly cost: number;
  readonly parallelization: number;
}

/** How libsodium turns its two limits into scrypt's parameters (`pickparams`, r = 8). */
function scryptCost(operations: bigint, memory: bigint, where: string): ScryptCost {
  if (memory > mostMemory || operations > mostMemory) {
    throw new BundleError('SIGNATURE_INVALID', `${where} asks for ${memory} bytes of memory to be opened`);
  }
  const asked = Math.max(Number(operations), 32_768);
  const bySpeed = asked < Number(memory) / 32;
  const most = bySpeed ? asked / 32 : Number(memory) / 1024;
  let log = 1;
  while (log < 63 && 2 ** log <= most / 2) log += 1;
  return { cost: 2 ** log, parallelization: bySpeed ? 1 : Math.max(1, Math.floor(Math.floor(asked / 4 / 2 ** log) / 8)) };
}

function stretched(password: string, salt: Buffer, { cost, parallelization }: ScryptCost): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const options = { cost, blockSize: 8, parallelization, maxmem: 1024 * cost + (64 << 20) };
  scrypt(password, salt, sizes.sealed, options, (error, key) => (error === null ? resolve(key) : reject(error)));
  return promise;
}

function publicBytes(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
}
