import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { type BundleFile, openBundle } from '../../images/bundle/bundle-reader.ts';
import { verifyBundle } from '../../images/bundle/verify-bundle.ts';
import { digestOf } from '../../images/digest.ts';
import { writeBundle } from '../../images/output/bundle-writer.ts';
import { proveSignature, readSignature } from '../../images/signature/check-signature.ts';
import { demandSignature } from '../../images/signature/demand-signature.ts';
import { parsePublicKey } from '../../images/signature/public-key.ts';
import { signBundle } from '../../images/signature/sign-bundle.ts';
import { signaturePlaces } from '../../images/signature/signature-place.ts';
import { openSigner, type Sign } from '../../images/signature/signer.ts';
import { memorySources, planShop, tempDir, tinySamples } from './sample-bundle.ts';
import { cosignSample, keyPairOf, minisignSample, sigstoreBundle } from './sample-keys.ts';

const run = promisify(execFile);
const key = parsePublicKey(minisignSample.publicKey, 'the key');
const otherKey = parsePublicKey('RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3', 'another key');

async function minisigner(t: TestContext): Promise<Sign> {
  const folder = await tempDir(t);
  await writeFile(join(folder, 'shop.key'), minisignSample.encryptedKey);
  const spec = { minisign: { secretKey: 'shop.key', password: { env: 'SECRET' } } };
  const { sign } = await openSigner(spec, { folder, env: { SECRET: minisignSample.password }, signal: t.signal });
  assert.ok(sign);
  return sign;
}

/** A bundle of a few kilobytes with a place for a signature, signed where `sign` is given. */
async function bundleWith(t: TestContext, kind: 'minisign' | 'cosign' | undefined, sign?: Sign): Promise<string> {
  const samples = await tinySamples();
  const file = join(await tempDir(t), 'shop.tar');
  const layout = planShop(samples, kind === undefined ? {} : { signature: signaturePlaces[kind] });
  await writeBundle(layout, file, { sources: memorySources(samples), signal: t.signal, ...(sign && { sign }) });
  return file;
}

async function opened(t: TestContext, file: string): Promise<BundleFile> {
  const bundle = await openBundle(file, { signal: t.signal });
  t.after(() => bundle.close());
  return bundle;
}

test('a signed bundle is proven by its key, is whole, and is the same each time', async (t) => {
  const sign = await minisigner(t);
  const file = await bundleWith(t, 'minisign', sign);
  const proof = { kind: 'minisign', keyId: minisignSample.id, proven: true };
  assert.deepEqual(await proveSignature(await opened(t, file), [otherKey, key], { signal: t.signal }), proof);
  assert.deepEqual(await readSignature(await opened(t, file)), { ...proof, proven: false });
  await verifyBundle(file, { full: true, signal: t.signal });
  assert.ok((await readFile(file)).equals(await readFile(await bundleWith(t, 'minisign', sign))));
});

test('tar lists the signature third, and sha256sum checks it with bundle.json', async (t) => {
  const file = await bundleWith(t, 'minisign', await minisigner(t));
  const folder = await tempDir(t);
  const { stdout } = await run('tar', ['-tf', file]);
  assert.deepEqual(stdout.split('\n').slice(0, 3), ['bundle.json', 'bundle.json.sha256', 'bundle.json.minisig']);
  await run('tar', ['-xf', file, '-C', folder]);
  const checked = await run('sha256sum', ['--check', '--strict', 'bundle.json.sha256'], { cwd: folder });
  assert.equal(checked.stdout, 'bundle.json: OK\nbundle.json.minisig: OK\n');
});

test('bundle.json, which is signed, has the checksum of every other entry and names every blob', async (t) => {
  const file = await bundleWith(t, 'minisign', await minisigner(t));
  const folder = await tempDir(t);
  await run('tar', ['-xf', file, '-C', folder]);
  const { stdout } = await run('tar', ['-tf', file]);
  const names = stdout.trim().split('\n').slice(3);
  const { json } = await opened(t, file);
  const digests = new Map(json.entries.map(({ name, digest }) => [name, digest]));
  for (const [digest] of json.blobs) digests.set(`blobs/sha256/${digest.slice('sha256:'.length)}`, digest);
  assert.deepEqual([...digests.keys()], names);
  for (const name of names) assert.equal(digestOf(await readFile(join(folder, name))), digests.get(name), name);
});

const refused: readonly {
  readonly name: string;
  readonly change?: (file: string, bundle: BundleFile) => Promise<void>;
  readonly kind?: 'minisign' | 'cosign';
  readonly signed?: boolean;
  readonly keys?: readonly (typeof key)[];
  readonly says: RegExp;
}[] = [
  { name: 'a bundle that nobody signs', signed: false, says: /is not signed, and only what one of these keys.*15988BA03A2B6A7B/ },
  { name: 'one that is not signed yet', kind: 'minisign', signed: false, says: /is not signed yet/ },
  { name: 'one by another key', kind: 'minisign', keys: [otherKey], says: /signed by 15988BA03A2B6A7B, and by none of the keys/ },
  {
    name: 'one that only keys of cosign may sign',
    kind: 'minisign',
    keys: [parsePublicKey(cosignSample.publicKey, 'it')],
    says: /by none of the keys/,
  },
  {
    name: 'one whose signature was changed',
    kind: 'minisign',
    change: (file, bundle) => flip(file, partOf(bundle, 'bundle.json.minisig').position + 70),
    says: /is not what key 15988BA03A2B6A7B has signed|by none of the keys/,
  },
  {
    name: 'one whose signature is of another message',
    kind: 'minisign',
    change: async (file) => {
      await signBundle(file, async () => Buffer.from(minisignSample.signature), {
        again: true,
        signal: AbortSignal.timeout(9_000),
      });
    },
    says: /is not what key 15988BA03A2B6A7B has signed: bundle.json or the signature was changed/,
  },
  {
    name: 'one whose signature is noise',
    kind: 'minisign',
    change: (file, bundle) => overwrite(file, partOf(bundle, 'bundle.json.minisig').position, Buffer.from('noise')),
    says: /bundle.json.minisig of .* holds no signature of minisign/,
  },
];
for (const { name, change, kind, signed = true, keys = [key], says } of refused) {
  test(`a site with keys refuses ${name}`, async (t) => {
    const file = await bundleWith(t, kind, signed ? await minisigner(t) : undefined);
    await change?.(file, await opened(t, file));
    const proven = proveSignature(await opened(t, file), keys, { signal: t.signal });
    await assert.rejects(proven, { code: 'SIGNATURE_INVALID', message: says });
  });
}

test('a site without keys takes any bundle and says what its signature says', async (t) => {
  const signed = await opened(t, await bundleWith(t, 'minisign', await minisigner(t)));
  const said = await demandSignature(signed, {}, { directory: '.', signal: t.signal });
  assert.deepEqual(said, { kind: 'minisign', keyId: minisignSample.id, proven: false });
  const unsigned = await opened(t, await bundleWith(t, undefined));
  assert.equal(await demandSignature(unsigned, {}, { directory: '.', signal: t.signal }), undefined);
});

test('a site names keys inline and by file, relative to itself', async (t) => {
  const directory = await tempDir(t);
  await writeFile(join(directory, 'shop.pub'), `untrusted comment: x\n${minisignSample.publicKey}\n`);
  const bundle = await opened(t, await bundleWith(t, 'minisign', await minisigner(t)));
  for (const one of [{ file: 'shop.pub' }, { inline: minisignSample.publicKey }]) {
    const found = await demandSignature(bundle, { signedBy: [one] }, { directory, signal: t.signal });
    assert.equal(found?.proven, true);
  }
});

test('verify finds a flipped bit anywhere in the signature and its line of the checksum, without any key', async (t) => {
  const file = await bundleWith(t, 'minisign', await minisigner(t));
  const bundle = await opened(t, file);
  const [checksum, signature] = [partOf(bundle, 'bundle.json.sha256'), partOf(bundle, 'bundle.json.minisig')];
  const places = [
    checksum.position + 80,
    checksum.position + 150,
    signature.position - 500,
    signature.position,
    signature.position + 1_000,
  ];
  for (const at of places) {
    await flip(file, at);
    await assert.rejects(verifyBundle(file, { full: false, signal: t.signal }), {
      code: 'BUNDLE_DAMAGED',
      message: /bundle\.json\.minisig: /,
    });
    await flip(file, at);
  }
  await verifyBundle(file, { full: true, signal: t.signal });
});

test('a bundle signed later in place is the one that was signed at once', async (t) => {
  const sign = await minisigner(t);
  const file = await bundleWith(t, 'minisign');
  assert.equal(await readSignature(await opened(t, file)), undefined);
  await verifyBundle(file, { full: true, signal: t.signal });
  await signBundle(file, sign, { again: false, signal: t.signal });
  assert.ok((await readFile(file)).equals(await readFile(await bundleWith(t, 'minisign', sign))));
  await assert.rejects(signBundle(file, sign, { again: false, signal: t.signal }), {
    code: 'SIGNATURE_INVALID',
    message: /signed already/,
  });
});

test('signing that was cut off anywhere is done by signing again', async (t) => {
  const sign = await minisigner(t);
  const file = await bundleWith(t, 'minisign');
  const bundle = await opened(t, file);
  await flip(file, partOf(bundle, 'bundle.json.sha256').position + 90); // the checksum's line of the signature, half written
  await overwrite(file, partOf(bundle, 'bundle.json.minisig').position, Buffer.from('untrusted comm'));
  await signBundle(file, sign, { again: true, signal: t.signal });
  assert.ok((await readFile(file)).equals(await readFile(await bundleWith(t, 'minisign', sign))));
});

const unsignable: readonly (readonly [name: string, kind: 'minisign' | undefined, signature: string, says: RegExp])[] = [
  ['has no place for it', undefined, minisignSample.signature, /has no place for a signature/],
  ['is given none', 'minisign', 'hello', /holds no signature of minisign/],
  ['is given that of another program', 'minisign', cosignSample.signature, /holds no signature of minisign/],
  [
    'is given one that is too large',
    'minisign',
    minisignSample.signature.replace('a comment', 'x'.repeat(2_000)),
    /has place for 1024/,
  ],
];
for (const [name, kind, signature, says] of unsignable) {
  test(`a bundle that ${name} is not signed, and not changed`, async (t) => {
    const file = await bundleWith(t, kind);
    const before = await readFile(file);
    const signed = signBundle(file, async () => Buffer.from(signature), { again: false, signal: t.signal });
    await assert.rejects(signed, { code: 'SIGNATURE_INVALID', message: says });
    assert.ok((await readFile(file)).equals(before));
  });
}

test("cosign's signature, whose length nobody knows before, stands in a place of fixed size", async (t) => {
  const { publicKey, key: secret } = keyPairOf('P-256');
  const sign: Sign = async (json) => {
    const digest = Buffer.from(digestOf(json).slice('sha256:'.length), 'hex');
    return Buffer.from(sigstoreBundle(json, secret, 'sha256', digest));
  };
  const file = await bundleWith(t, 'cosign', sign);
  const cosignKey = parsePublicKey(publicKey, 'it');
  const found = await proveSignature(await opened(t, file), [key, cosignKey], { signal: t.signal });
  assert.deepEqual(found, { kind: 'cosign', keyId: cosignKey.id, proven: true });
  await assert.rejects(proveSignature(await opened(t, file), [key], { signal: t.signal }), { code: 'SIGNATURE_INVALID' });
  await verifyBundle(file, { full: true, signal: t.signal });
});

function partOf({ parts }: BundleFile, name: string) {
  const part = parts.find((one) => one.name === name);
  assert.ok(part, name);
  return part;
}

async function overwrite(file: string, position: number, bytes: Buffer): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.write(bytes, 0, bytes.length, position);
  await handle.close();
}

async function flip(file: string, at: number): Promise<void> {
  const byte = (await readFile(file)).readUInt8(at);
  await overwrite(file, at, Buffer.from([byte ^ 1]));
}
