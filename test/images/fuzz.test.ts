import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { PartsJson } from '../../bundle-spec/parts-json.ts';
import { openArchivedImage } from '../../images/archive/oci-archive.ts';
import { openBundle } from '../../images/bundle/bundle-reader.ts';
import { parseTarHeader, tarHeader } from '../../images/bundle/tar-header.ts';
import { walkTarBytes } from '../../images/bundle/tar-walk.ts';
import { verifyBundle } from '../../images/bundle/verify-bundle.ts';
import { parseManifest } from '../../images/manifest.ts';
import { parseJournal } from '../../images/output/journal.ts';
import { readImageTree } from '../../images/plan/image-tree.ts';
import { formatReference, parseReference } from '../../images/reference.ts';
import { chooseChallenge } from '../../images/registry/auth-challenge.ts';
import { credentialsIn, parseCredentialsConfig } from '../../images/registry/credentials-file.ts';
import { parseRetryAfter } from '../../images/registry/retry-gate.ts';
import { parseResponseHead } from '../../images/transfer/response-head.ts';
import { ShortBody } from '../../images/transfer/short-body.ts';
import { sampleImage, sampleIndex } from '../registries/sample-images.ts';
import { mutated, runs, seed, survivesAll, survivesAllAsync } from './fuzz.ts';
import { tempDir } from './sample-bundle.ts';

// DIOLKOS_SEED=… repeats a run, DIOLKOS_FUZZ_RUNS=… makes it longer.
test(`fuzzed with seed ${seed}, ${runs} inputs each`, () => undefined);

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

test('no reference whatever crashes, and what is taken is read back the same', () => {
  const honest = ['redis', 'ghcr.io/x/y:1.0', `quay.io/a/b@${digest}`, '[fd00::1]:5000/app:1', 'localhost:5000/a__b/c--d.e_f'];
  const read = (text: string) => {
    const canonical = formatReference(parseReference(text));
    assert.equal(formatReference(parseReference(canonical)), canonical);
    assert.doesNotMatch(canonical, /\s|\.\.|\0/);
  };
  survivesAll(mutated(honest).map(String), read, ['REFERENCE_INVALID']);
  survivesAll(fc.string({ unit: 'binary', maxLength: 600 }), read, ['REFERENCE_INVALID']);
});

test('no tar header whatever crashes', () => {
  const honest = [
    tarHeader('blobs/sha256/ab', 1234),
    tarHeader('big', 9 * 2 ** 30),
    paxHeader('16 path=x/y/abc\n').subarray(0, 512),
  ];
  const read = (bytes: Buffer) => {
    const header = parseTarHeader(block(bytes), 'it');
    assert.ok(header === undefined || (Number.isSafeInteger(header.size) && header.size >= 0));
  };
  survivesAll(mutated(honest), read, ['BUNDLE_INVALID']);
  survivesAll(mutated(honest).map(block).map(summed), read, ['BUNDLE_INVALID']);
});

test('no tar whatever leads out of itself, and its PAX records neither', async () => {
  const body = Buffer.concat([Buffer.from('abc'), Buffer.alloc(509)]);
  const end = Buffer.alloc(1024);
  const records = ['16 path=x/y/abc\n', '10 size=3\n', '16 path=x/y/abc\n10 size=3\n', '30 mtime=1350244992.023960108\n'];
  const tars = records.map((text) => Buffer.concat([paxHeader(text), tarHeader('file', 3), body, end]));
  // What is changed in a record or a header counts only while the sums are right.
  const walk = async (bytes: Buffer): Promise<void> => {
    const tar = { size: bytes.length, read: async (position: number, size: number) => bytes.subarray(position, position + size) };
    for await (const { name, size, position } of walkTarBytes(tar, 'it', { signal: new AbortController().signal })) {
      assert.ok(position >= 512 && size >= 0 && position + size <= bytes.length);
      assert.ok(!name.startsWith('/') && !name.split('/').includes('..') && !name.includes('\0'), name);
    }
  };
  await survivesAllAsync(mutated(tars), walk, ['BUNDLE_INVALID']);
  const framed = (text: Buffer | string) => Buffer.concat([paxHeader(text), tarHeader('file', 3), body, end]);
  await survivesAllAsync(mutated(records).map(framed), walk, ['BUNDLE_INVALID']);
  const value = fc.array(fc.constantFrom('/', '..', '.', 'a', '\0', '\n', '=', '3', '-', '9'.repeat(17), '\u{1f6a2}'), {
    maxLength: 6,
  });
  const record = fc.tuple(fc.constantFrom('path', 'size', 'linkpath', 'GNU.sparse.size'), value);
  const honestLengths = fc
    .array(record, { maxLength: 3 })
    .map((all) => all.map(([key, parts]) => paxRecord(key, parts.join(''))));
  await survivesAllAsync(
    honestLengths.map((all) => framed(all.join(''))),
    walk,
    ['BUNDLE_INVALID'],
  );
});

test('no challenge whatever crashes or takes long', () => {
  const honest = [
    'Bearer realm="https://auth.example/token",service="r.io",scope="repository:a:pull,push"',
    'Basic realm="a, b", Bearer realm="https://auth.example/token"',
    'Negotiate, NTLM TlRMTVNTUAAB=, Basic realm="x"',
  ];
  const read = (header: string) => {
    const challenge = chooseChallenge(header);
    assert.ok(challenge === undefined || challenge.scheme === 'basic' || typeof challenge.realm === 'string');
  };
  survivesAll(mutated(honest).map(String), read);
  survivesAll(
    fc.array(fc.constantFrom(...'Bearer realm=", \\=;\t'), { maxLength: 4000 }).map((letters) => letters.join('')),
    read,
  );
});

const image = sampleIndex(['linux/amd64', 'linux/arm64'], { seed: 'fuzz', attested: true });

test('no manifest or index whatever crashes, alone or as the root of a tree', async () => {
  const honest = [
    image.root.bytes,
    sampleImage({ seed: 'fuzz' }).root.bytes,
    sampleImage({ seed: 'fuzz', docker: true }).root.bytes,
  ];
  survivesAll(mutated(honest), (bytes) => parseManifest(bytes, 'it'), ['MANIFEST_INVALID']);
  survivesAll(
    fc.json({ maxDepth: 6 }).map((text) => Buffer.from(text)),
    (bytes) => parseManifest(bytes, 'it'),
    ['MANIFEST_INVALID'],
  );
  // Whatever is asked for, the same comes: an index that lists itself, and worse.
  const tree = async (bytes: Buffer) => readImageTree({ ...image.root.descriptor, size: bytes.length }, async () => bytes);
  await survivesAllAsync(mutated(honest), tree, ['MANIFEST_INVALID'], Math.ceil(runs / 4));
});

test('no credentials file whatever crashes, and none is quoted', async (t) => {
  const auth = Buffer.from('porter:s3cret').toString('base64');
  const honest = [
    JSON.stringify({ auths: { 'r.io': { auth }, 'https://index.docker.io/v1/': { identitytoken: 's3cret' } } }),
    JSON.stringify({ auths: { 'r.io': { username: 'porter', password: 's3cret' } } }),
  ];
  const read = async (text: string) => {
    try {
      return await credentialsIn(parseCredentialsConfig(text, 'the file'), 'r.io', { from: 'the file', signal: t.signal });
    } catch (error) {
      assert.doesNotMatch(String(error), /s3cret/);
      throw error;
    }
  };
  await survivesAllAsync(mutated(honest).map(String), read, ['CREDENTIALS_INVALID']);
});

test('no Retry-After whatever is other than a pause or nothing', () => {
  const read = (text: string) => {
    const pauseMs = parseRetryAfter(text);
    assert.ok(pauseMs === undefined || pauseMs >= 0, `${pauseMs}`);
  };
  survivesAll(mutated(['7', '120', 'Wed, 21 Oct 2026 07:28:00 GMT', '9999999999999999999999']).map(String), read);
});

test('no head of an answer whatever crashes our own reader of HTTP', () => {
  const honest = [
    'HTTP/1.1 206 Partial Content\r\nContent-Length: 10\r\nContent-Range: bytes 5-14/15\r\nConnection: keep-alive',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nX: a\r\nX: b',
    'HTTP/1.0 200\r\nContent-Length: 3, 3',
  ];
  const read = (text: string) => {
    try {
      const head = parseResponseHead(text);
      assert.ok(typeof head.body === 'string' || (Number.isSafeInteger(head.body) && head.body >= 0));
    } catch (error) {
      assert.match(String((error as { code?: unknown }).code), /^HPE_/, String(error));
    }
  };
  survivesAll(
    mutated(honest).map((bytes) => bytes.toString('latin1')),
    read,
  );
});

test('a header of 60,000 blanks, before or within its value, is read at once', () => {
  const blanks = ' '.repeat(60_000);
  const begin = performance.now();
  const { headers } = parseResponseHead(`HTTP/1.1 200 OK\r\na: x${blanks}y\r\nb:${blanks}z${blanks}\r\nc:\t`);
  assert.deepEqual({ ...headers }, { a: `x${blanks}y`, b: 'z', c: '' });
  assert.ok(performance.now() - begin < 500, `${performance.now() - begin} ms`);
  assert.throws(() => parseResponseHead('HTTP/1.1 200 OK\r\na: x\ry'), { code: 'HPE_INVALID_HEADER_TOKEN' });
});

test('no short body in chunks whatever crashes or is kept without end', () => {
  const head = parseResponseHead('HTTP/1.1 401 No\r\nTransfer-Encoding: chunked');
  const read = (bytes: Buffer) => {
    const body = new ShortBody(head);
    try {
      for (let at = 0; at < bytes.length && !body.take(bytes.subarray(at, at + 7)); at += 7);
      assert.ok(body.bytes.length <= 64 << 10);
    } catch (error) {
      assert.match(String((error as { code?: unknown }).code), /^HPE_/, String(error));
    }
  };
  survivesAll(mutated(['5\r\nhello\r\n0\r\n\r\n', 'a;x=y\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n', 'fffffff\r\nx']), read);
});

test('no parts.json and no journal whatever crashes', () => {
  const parts = {
    apiVersion: 'diolkos.dev/v1',
    kind: 'PartsJson',
    name: 'shop.tar',
    size: 10,
    bundleJson: digest,
    parts: [{ name: 'shop.tar.001', size: 10, sha256: '0'.repeat(64) }],
  };
  const read = (text: string) => {
    const parsed = PartsJson.safeParse(jsonOf(text));
    for (const { name } of parsed.data?.parts ?? []) assert.doesNotMatch(name, /[/\\\0]|^\.\.?$/);
  };
  survivesAll(mutated([JSON.stringify(parts)]).map(String), read);
  survivesAll(mutated(['{"v":1}\n{"d":"sha256:00","have":12}\n', '']).map(String), parseJournal, ['BUNDLE_INVALID']);
});

test('no archive whatever is unpacked, and nothing appears beside it', async (t) => {
  const folder = await tempDir(t);
  await mkdir(join(folder, 'in'));
  const file = join(folder, 'in', 'archive.tar');
  const index = JSON.stringify({ schemaVersion: 2, manifests: [image.root.descriptor] });
  const entry = (name: string, bytes: Buffer) => [tarHeader(name, bytes.length), bytes, Buffer.alloc(-bytes.length & 511)];
  const blobs = [...image.manifests, ...image.blobs].flatMap(({ descriptor, bytes }) =>
    entry(`blobs/sha256/${descriptor.digest.slice(7)}`, bytes),
  );
  const layout = entry('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
  const archive = Buffer.concat([...layout, ...entry('index.json', Buffer.from(index)), ...blobs, Buffer.alloc(1024)]);
  const read = async (bytes: Buffer) => {
    await writeFile(file, bytes);
    await verifyBundle(file, { full: true, signal: t.signal }).catch(() => undefined);
    await openBundle(file, t).then(
      (bundle) => bundle.close(),
      () => undefined,
    );
    const { close } = await openArchivedImage({ path: file, image: 'r.io/a:1' }, t);
    await close();
  };
  await read(archive);
  const codes = ['BUNDLE_INVALID', 'MANIFEST_INVALID', 'REFERENCE_INVALID', 'DIGEST_MISMATCH', 'SIZE_MISMATCH'];
  await survivesAllAsync(mutated([archive, archive.subarray(0, 4096)]), read, codes, Math.ceil(runs / 10));
  assert.deepEqual(await readdir(folder), ['in']);
  assert.deepEqual(await readdir(join(folder, 'in')), ['archive.tar']);
});

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Cut or filled up to one block. */
function block(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(512)], 512);
}

/** With the right sum, so that what is wrong lies deeper. */
function summed(bytes: Buffer): Buffer {
  const header = Buffer.from(bytes);
  header.fill(' ', 148, 156);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
    'latin1',
  );
  return header;
}

/** `<length> <key>=<value>\n`, the length counting itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const size = Buffer.byteLength(rest);
  const length = size + String(size + String(size).length).length;
  return `${length}${rest}`;
}

function paxHeader(text: Buffer | string): Buffer {
  const bytes = Buffer.from(text);
  const header = tarHeader('pax', bytes.length);
  header.write('x', 156);
  return Buffer.concat([summed(header), bytes, Buffer.alloc(-bytes.length & 511)]);
}
