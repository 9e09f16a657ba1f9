import { createHash, sign, verify } from 'node:crypto';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { MinisignKey } from './minisign-key.ts';
import { minisignId, type PublicKey } from './public-key.ts';

/** A signature file of minisign, taken apart and not yet checked. */
export interface MinisignSignature {
  /** Id of the key that it says it was made with. */
  readonly keyId: string;
  /** Covered by the signature, unlike the first line of the file. */
  readonly trustedComment: string;
  readonly signature: Buffer;
  readonly global: Buffer;
}

/**
 * Signs `message` as `minisign -S` does: Ed25519 over its BLAKE2b-512, and once more over that signature and the comment. There is no time
 * in it, so the same key, message and comment give the same bytes. `comment` is one line.
 */
export function signMinisign(message: Buffer, { id, key }: MinisignKey, comment: string): Buffer {
  const signature = sign(null, prehashed(message), key);
  const global = sign(null, Buffer.concat([signature, Buffer.from(comment)]), key);
  const lines = [
    'untrusted comment: signature from diolkos',
    Buffer.concat([Buffer.from('ED'), id, signature]).toString('base64'),
    `trusted comment: ${comment}`,
    global.toString('base64'),
  ];
  return Buffer.from(`${lines.join('\n')}\n`);
}

/** Reads a signature file. Throws SIGNATURE_INVALID when it is none, or one over the bytes themselves (`minisign -l`). */
export function parseMinisign(text: string, where: string): MinisignSignature {
  const [first = '', line = '', comment = '', last = '', ...rest] = text.split('\n');
  const bytes = Buffer.from(line, 'base64');
  const global = Buffer.from(last, 'base64');
  const prefix = 'trusted comment: ';
  const whole = first.startsWith('untrusted comment:') && comment.startsWith(prefix) && rest.every((one) => one === '');
  if (!whole || bytes.length !== 74 || global.length !== 64) throw invalid(`${where} holds no signature of minisign`);
  if (bytes.toString('latin1', 0, 2) !== 'ED') throw invalid(`${where} was signed in the old way of minisign: sign without -l`);
  return {
    keyId: minisignId(bytes.subarray(2, 10)),
    trustedComment: comment.slice(prefix.length),
    signature: bytes.subarray(10),
    global,
  };
}

/** True when `key` has signed exactly `message`, and the trusted comment with it. */
export function isMinisigned(
  message: Buffer,
  { signature, trustedComment, global }: MinisignSignature,
  { key }: PublicKey,
): boolean {
  if (!verify(null, prehashed(message), key, signature)) return false;
  return verify(null, Buffer.concat([signature, Buffer.from(trustedComment)]), key, global);
}

function prehashed(message: Buffer): Buffer {
  return createHash('blake2b512').update(message).digest();
}

function invalid(message: string): BundleError {
  return new BundleError('SIGNATURE_INVALID', message);
}
