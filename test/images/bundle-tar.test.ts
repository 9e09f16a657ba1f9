import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { Header } from 'tar';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { blockSize, endSize, paddedSize, parseTarHeader, tarHeader } from '../../images/bundle/tar-header.ts';
import { type FoundFile, walkTar } from '../../images/bundle/tar-walk.ts';
import { collected, tempDir } from './sample-bundle.ts';

const run = promisify(execFile);
const gib = 2 ** 30;

const sizes = [
  { name: 'nothing', size: 0 },
  { name: 'one byte', size: 1 },
  { name: 'the largest octal size', size: 8 * gib - 1 },
  { name: 'the smallest base-256 size', size: 8 * gib },
  { name: '9 GiB', size: 9 * gib },
  { name: 'the largest number', size: Number.MAX_SAFE_INTEGER },
];
for (const { name, size } of sizes) {
  test(`a header of ${name} is 512 bytes and read alike by us and the tar package`, () => {
    const header = tarHeader('blobs/sha256/ab', size);
    assert.equal(header.length, blockSize);
    assert.deepEqual(parseTarHeader(header, 'it'), { name: 'blobs/sha256/ab', size, type: '0' });
    const theirs = new Header(header);
    assert.ok(theirs.cksumValid);
    assert.deepEqual(
      [theirs.path, theirs.size, theirs.mode, theirs.uid, theirs.mtime?.getTime()],
      ['blobs/sha256/ab', size, 0o644, 0, 0],
    );
  });
}

test('the header of a 9 GiB blob has the bytes of the format sketch', () => {
  const header = tarHeader('x', 9 * gib);
  assert.equal(header.toString('hex', 124, 136), '800000000000000240000000');
  assert.equal(header.toString('hex', 257, 265), '7573746172202000');
});

test('GNU tar and we find a file behind one of 9 GiB', async (t) => {
  const path = join(await tempDir(t), 'large.tar');
  const handle = await open(path, 'wx+');
  t.after(() => handle.close());
  const behind = blockSize + paddedSize(9 * gib + 1);
  await handle.write(tarHeader('large', 9 * gib + 1), 0, blockSize, 0);
  await handle.write(tarHeader('behind', 3), 0, blockSize, behind);
  await handle.write('abc', behind + blockSize);
  await handle.truncate(behind + 2 * blockSize + endSize);
  const { stdout } = await run('tar', ['-tvf', path]);
  assert.match(stdout, / 9663676417 .* large\n.* 3 .* behind\n$/);
  assert.deepEqual(await walk(path, t), [
    { name: 'large', size: 9 * gib + 1, position: blockSize },
    { name: 'behind', size: 3, position: behind + blockSize },
  ]);
});

for (const format of ['gnu', 'pax', 'ustar', 'v7']) {
  test(`a tar that GNU tar made in ${format} format is walked`, async (t) => {
    const directory = await tempDir(t);
    const deep = format === 'v7' ? 'deep' : join('d'.repeat(90), 'e'.repeat(90));
    const path = join(directory, 'other.tar');
    await run(
      'sh',
      ['-ec', `mkdir -p tree/${deep}; printf abc >tree/${deep}/f; tar --format=${format} -cf other.tar -C tree .`],
      {
        cwd: directory,
      },
    );
    const found = await walk(path, t);
    assert.deepEqual(
      found.map(({ name, size }) => ({ name, size })),
      [{ name: `${deep}/f`, size: 3 }],
    );
  });
}

/** One header with a field overwritten, and its checksum set right again. */
function header(change: (block: Buffer) => void, name = 'file', size = 0): Buffer {
  const block = tarHeader(name, size);
  change(block);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

const type = (letter: string) => (block: Buffer) => void block.write(letter, 156);
const body = (text: string) => Buffer.concat([Buffer.from(text), Buffer.alloc(paddedSize(text.length) - text.length)]);
const pax = (text: string) => Buffer.concat([header(type('x'), 'pax', text.length), body(text)]);
const end = Buffer.alloc(endSize);
const file = tarHeader('file', 0);
const slashes = `a${'/'.repeat(500_000)}x`;

const hostile: readonly { readonly name: string; readonly tar: readonly Buffer[]; readonly message: RegExp }[] = [
  { name: 'a symbolic link', tar: [header(type('2')), end], message: /no regular file/ },
  { name: 'a hard link', tar: [header(type('1')), end], message: /no regular file/ },
  { name: 'a device', tar: [header(type('3')), end], message: /no regular file/ },
  { name: 'an absolute name', tar: [tarHeader('/etc/passwd', 0), end], message: /outside/ },
  { name: 'a name with ..', tar: [tarHeader('blobs/../../x', 0), end], message: /outside/ },
  { name: 'a PAX name with ..', tar: [pax('16 path=../../x\n'), file, end], message: /outside/ },
  { name: 'a size past the end', tar: [tarHeader('file', 10_000), end], message: /truncated.*needs/ },
  { name: 'a PAX size past the end', tar: [pax('16 size=1000000\n'), file, end], message: /truncated/ },
  { name: 'a PAX size that is no number', tar: [pax('12 size=-10\n'), file, end], message: /the size "-10"/ },
  { name: 'a PAX record that lies about its length', tar: [pax('99 size=1\n'), file, end], message: /cannot be read/ },
  { name: 'a PAX record of no length', tar: [pax('0 size=1\n'), file, end], message: /cannot be read/ },
  { name: 'a sparse file', tar: [pax('22 GNU.sparse.major=1\n'), file, end], message: /sparse/ },
  { name: 'an endless long name', tar: [header(type('L'), 'L', 2 << 20), Buffer.alloc(3 << 20)], message: /extension header/ },
  {
    name: 'a name of half a million slashes',
    tar: [header(type('L'), 'L', slashes.length), body(slashes), file, end],
    message: /a name of 500002 characters/,
  },
  { name: 'a negative base-256 size', tar: [header((block) => block.fill(0xff, 124, 136)), end], message: /size is no number/ },
  {
    name: 'a wrong checksum',
    tar: [Buffer.concat([Buffer.from('g'), file.subarray(1)]), end],
    message: /checksum is wrong/,
  },
  { name: 'half a header', tar: [file, file.subarray(0, 100)], message: /inside a header/ },
];
for (const { name, tar, message } of hostile) {
  test(`a tar with ${name} is refused`, async (t) => {
    const path = await written(t, Buffer.concat(tar));
    await assert.rejects(walk(path, t), { code: 'BUNDLE_INVALID', message });
  });
}

test('no header block whatever does more than be refused', () => {
  const block = fc.uint8Array({ minLength: blockSize, maxLength: blockSize });
  const field = fc.record({ at: fc.nat(511), byte: fc.nat(255) });
  const property = fc.property(block, fc.array(field, { maxLength: 4 }), (random, changes) => {
    const nearly = changed(changes);
    for (const bytes of [Buffer.from(random), nearly]) {
      try {
        const parsed = parseTarHeader(bytes, 'it');
        assert.ok(parsed === undefined || (Number.isSafeInteger(parsed.size) && parsed.size >= 0));
      } catch (error) {
        assert.ok(error instanceof BundleError);
      }
    }
  });
  fc.assert(property, { numRuns: 300 });
});

test('no tar whatever is walked out of', async (t) => {
  const honest = Buffer.concat([pax('16 path=x/y/abc\n'), tarHeader('file', 3), body('abc'), header(type('5'), 'd/'), file, end]);
  const change = fc.record({ at: fc.nat(honest.length - 1), byte: fc.nat(255) });
  const path = join(await tempDir(t), 'spoilt.tar');
  const property = fc.asyncProperty(fc.array(change, { maxLength: 3 }), async (changes) => {
    const bytes = Buffer.from(honest);
    for (const { at, byte } of changes) bytes.writeUInt8(byte, at);
    await writeFile(path, bytes);
    const found = await walk(path, t).catch((error) => {
      assert.ok(error instanceof BundleError, String(error));
      return [];
    });
    for (const { name, size, position } of found) {
      assert.ok(position + size <= bytes.length && !name.startsWith('/') && !name.split('/').includes('..'));
    }
  });
  await fc.assert(property, { numRuns: 150 });
});

function changed(changes: readonly { readonly at: number; readonly byte: number }[]): Buffer {
  return header((bytes) => {
    for (const { at, byte } of changes) bytes.writeUInt8(byte, at);
  });
}

async function walk(path: string, t: TestContext): Promise<FoundFile[]> {
  const handle = await open(path);
  try {
    return await collected(walkTar(handle, 'the tar', { signal: t.signal }));
  } finally {
    await handle.close();
  }
}

async function written(t: TestContext, bytes: Buffer): Promise<string> {
  const path = join(await tempDir(t), 'hostile.tar');
  const handle = await open(path, 'wx');
  await handle.write(bytes);
  await handle.close();
  return path;
}
