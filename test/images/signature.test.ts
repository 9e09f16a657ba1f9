import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { isMinisigned, parseMinisign, signMinisign } from '../../images/signature/minisign.ts';
import { parseMinisignKey } from '../../images/signature/minisign-key.ts';
import { parsePublicKey } from '../../images/signature/public-key.ts';
import { isSigstoreSigned, parseSigstore } from '../../images/signature/sigstore-bundle.ts';
import { cosignSample, keyPairOf, minisignSample, sigstoreBundle } from './sample-keys.ts';

const { message, password } = minisignSample;
const minisignKey = parsePublicKey(minisignSample.publicKey, 'the key');
const cosignKey = parsePublicKey(cosignSample.publicKey, 'the key');

test('what minisign signed is proven, with its trusted comment', () => {
  const signature = parseMinisign(minisignSample.signature, 'it');
  assert.equal(signature.keyId, minisignSample.id);
  assert.equal(minisignKey.id, minisignSample.id);
  assert.ok(isMinisigned(message, signature, minisignKey));
  assert.ok(!isMinisigned(Buffer.from('hello bundle!'), signature, minisignKey));
  assert.ok(!isMinisigned(message, { ...signature, trustedComment: 'another comment' }, minisignKey));
});

test('our signature is the one that minisign makes, and the same each time', async () => {
  const theirs = minisignSample.signature.replace('minisign secret key', 'diolkos');
  for (const [text, secret] of [
    [minisignSample.secretKey, undefined],
    [minisignSample.encryptedKey, password],
  ] as const) {
    const key = await parseMinisignKey(text, 'shop.key', secret);
    assert.equal(signMinisign(message, key, 'a comment').toString(), theirs);
  }
});

const badKeys = [
  {
    name: 'an encrypted key without a password',
    text: minisignSample.encryptedKey,
    code: 'CREDENTIALS_INVALID',
    says: /encrypted/,
  },
  {
    name: 'a wrong password',
    text: minisignSample.encryptedKey,
    password: 'wrong horse',
    code: 'CREDENTIALS_INVALID',
    says: /password/,
  },
  { name: 'a public key', text: minisignSample.publicKey, code: 'SIGNATURE_INVALID', says: /no secret key/ },
  { name: 'no key', text: 'hello', code: 'SIGNATURE_INVALID', says: /no secret key/ },
  {
    name: 'a key that asks for a terabyte',
    text: hungryKey(),
    password,
    code: 'SIGNATURE_INVALID',
    says: /1099511627776 bytes of memory/,
  },
];
for (const { name, text, password: secret, code, says } of badKeys) {
  test(`a secret key is refused: ${name}; nothing of it is told`, async () => {
    await assert.rejects(parseMinisignKey(text, 'shop.key', secret), (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, code);
      assert.match(error.message, says);
      const told = `${error.message} ${error.hint} ${error.stack}`;
      for (const line of [...text.split('\n'), secret ?? '-'].filter((one) => one.length > 8)) assert.ok(!told.includes(line));
      return true;
    });
  });
}

test('what cosign signed is proven', () => {
  const signature = parseSigstore(`${cosignSample.signature}\n\n`, 'it');
  assert.equal(signature.keyHint, cosignKey.id);
  assert.equal(cosignKey.id, cosignSample.id);
  assert.ok(isSigstoreSigned(message, signature, cosignKey));
  assert.ok(!isSigstoreSigned(Buffer.from('hello bundle!'), signature, cosignKey));
  assert.ok(!isSigstoreSigned(message, signature, parsePublicKey(keyPairOf('P-256').publicKey, 'another')));
});

for (const kind of ['P-256', 'P-384', 'ed25519', 'rsa'] as const) {
  test(`a signature by a ${kind} key is proven, and one over other bytes with the right digest is not`, () => {
    const { publicKey, key } = keyPairOf(kind);
    const algorithm = kind === 'P-384' ? 'sha384' : 'sha256';
    const digest = createHash(algorithm).update(message).digest();
    const read = (signed: Buffer) => parseSigstore(sigstoreBundle(signed, key, algorithm, digest), 'it');
    assert.ok(isSigstoreSigned(message, read(message), parsePublicKey(publicKey, 'the key')));
    assert.ok(!isSigstoreSigned(message, read(Buffer.from('other')), parsePublicKey(publicKey, 'the key')));
  });
}

const noSignatures: readonly (readonly [name: string, text: string, says: RegExp])[] = [
  ['nothing', '', /no signature of minisign/],
  ['a public key', minisignSample.publicKey, /no signature of minisign/],
  ['a fifth line', `${minisignSample.signature}more\n`, /no signature of minisign/],
  ['a short signature', minisignSample.signature.replace('RUR7ais6', 'RUR7'), /no signature of minisign/],
  ['the old way', minisignSample.oldSignature, /old way.*without -l/],
];
for (const [name, text, says] of noSignatures) {
  test(`no signature of minisign: ${name}`, () => {
    assert.throws(() => parseMinisign(text, 'it'), { code: 'SIGNATURE_INVALID', message: says });
  });
}

const noBundles: readonly (readonly [name: string, text: string])[] = [
  ['text', 'hello'],
  ['the format before sigstore bundles', '{"base64Signature":"MEUC","cert":""}'],
  ['an attestation', '{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{},"dsseEnvelope":{}}'],
  ['a digest of another kind', cosignSample.signature.replace('SHA2_256', 'MD5')],
];
for (const [name, text] of noBundles) {
  test(`no signature of cosign: ${name}`, () => {
    assert.throws(() => parseSigstore(text, 'it'), { code: 'SIGNATURE_INVALID', message: /no signature of cosign/ });
  });
}

const noKeys: readonly (readonly [name: string, text: string, says: RegExp])[] = [
  ['text', 'hello', /no public key/],
  ['nothing', '', /no public key/],
  ['a secret key of minisign', minisignSample.secretKey, /secret key, not a public one/],
  ['a secret key of cosign', '-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nxx\n', /secret key, not a public one/],
  ['a broken PEM', '-----BEGIN PUBLIC KEY-----\nxx\n-----END PUBLIC KEY-----', /no public key/],
];
for (const [name, text, says] of noKeys) {
  test(`no public key: ${name}`, () => {
    assert.throws(() => parsePublicKey(text, 'signedBy[0]'), { code: 'SIGNATURE_INVALID', message: says });
  });
}

test('the file of a public key is as good as its line', () => {
  const file = `untrusted comment: minisign public key ${minisignSample.id}\n${minisignSample.publicKey}\n`;
  assert.equal(parsePublicKey(file, 'shop.pub').id, minisignSample.id);
});

/** The encrypted key with a memory limit of 1 TiB. */
function hungryKey(): string {
  const [comment = '', line = ''] = minisignSample.encryptedKey.split('\n');
  const bytes = Buffer.from(line, 'base64');
  bytes.writeBigUInt64LE(1n << 40n, 46);
  return `${comment}\n${bytes.toString('base64')}\n`;
}
