import { BundleError } from '../../bundle-spec/bundle-error.ts';

/** Bytes of a tar block: headers are one of them, bodies are padded to whole ones. */
export const blockSize = 512;

/** A tar ends with two zero blocks. */
export const endSize = 2 * blockSize;

/** What a header says. `size` is the body's, without padding; `type` is the typeflag character, `'0'` for a regular file. */
export interface TarHeader {
  readonly name: string;
  readonly size: number;
  readonly type: string;
  /** Where a link points; absent for what points nowhere. */
  readonly linkName?: string;
}

// Byte ranges of the header's fields. GNU magic and version are one field of eight bytes.
const fields = {
  name: [0, 100],
  mode: [100, 108],
  uid: [108, 116],
  gid: [116, 124],
  size: [124, 136],
  mtime: [136, 148],
  checksum: [148, 156],
  type: [156, 157],
  linkName: [157, 257],
  magic: [257, 265],
  prefix: [345, 500],
} as const;

const gnuMagic = 'ustar  \0';
const posixMagic = 'ustar\x0000';

/** The largest size that eleven octal digits hold: 8 GiB less one byte. */
const octalLimit = 8 ** 11 - 1;

/** `size` rounded up to whole blocks. */
export function paddedSize(size: number): number {
  return Math.ceil(size / blockSize) * blockSize;
}

/**
 * The one header a file of our tars can have: 512 bytes whatever the size (base-256 from 8 GiB), GNU magic, mode 0644, owner and
 * time zero. `name` is ASCII of at most 100 bytes; anything else is a bug of the caller.
 */
export function tarHeader(name: string, size: number): Buffer {
  if (!/^[\x21-\x7e]{1,100}$/.test(name)) throw new RangeError(`"${name}" does not fit a 512-byte tar header`);
  const block = Buffer.alloc(blockSize);
  const put = (field: keyof typeof fields, text: string) => block.write(text, fields[field][0], 'latin1');
  put('name', name);
  put('mode', '0000644\0');
  put('uid', '0000000\0');
  put('gid', '0000000\0');
  putSize(block, size);
  put('mtime', '00000000000\0');
  put('type', '0');
  put('magic', gnuMagic);
  put('checksum', `${checksum(block).unsigned.toString(8).padStart(6, '0')}\0 `);
  return block;
}

function putSize(block: Buffer, size: number): void {
  const [start, end] = fields.size;
  if (size <= octalLimit) {
    block.write(`${size.toString(8).padStart(11, '0')}\0`, start, 'latin1');
    return;
  }
  block[start] = 0x80;
  block.writeBigUInt64BE(BigInt(size), end - 8);
}

/**
 * Reads one header block of any tar; `undefined` for a zero block, the tar's end. The name is joined with a ustar prefix.
 * Throws BUNDLE_INVALID, naming `where`, when the block is no header: checksum, magic, numbers.
 */
export function parseTarHeader(block: Buffer, where: string): TarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  const sums = checksum(block);
  const claimed = parseNumber(block, 'checksum', where);
  // Some old tars summed signed bytes; every reader takes both.
  if (claimed !== sums.unsigned && claimed !== sums.signed) throw noHeader(where, 'its checksum is wrong');
  const magic = block.toString('latin1', ...fields.magic);
  const name = text(block, 'name');
  const prefix = magic === posixMagic ? text(block, 'prefix') : '';
  const type = block.toString('latin1', ...fields.type);
  const linkName = text(block, 'linkName');
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    size: parseNumber(block, 'size', where),
    type: type === '\0' ? '0' : type,
    ...(linkName === '' ? {} : { linkName }),
  };
}

function text(block: Buffer, field: keyof typeof fields): string {
  const bytes = block.subarray(...fields[field]);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
}

function parseNumber(block: Buffer, field: 'size' | 'checksum', where: string): number {
  const bytes = block.subarray(...fields[field]);
  const value = bytes[0] === 0x80 ? base256(bytes) : octal(bytes);
  if (!Number.isSafeInteger(value)) throw noHeader(where, `its ${field} is no number`);
  return value;
}

function octal(bytes: Buffer): number {
  const match = /^ *([0-7]+)[ \0]*$/.exec(bytes.toString('latin1'));
  return match?.[1] === undefined ? Number.NaN : Number.parseInt(match[1], 8);
}

function base256(bytes: Buffer): number {
  return bytes.subarray(1).reduce((value, byte) => value * 256 + byte, 0);
}

/** Both sums of a header's bytes, its checksum field taken as spaces. */
function checksum(block: Buffer): { readonly unsigned: number; readonly signed: number } {
  const [start, end] = fields.checksum;
  let unsigned = 0;
  let signed = 0;
  for (const [index, byte] of block.entries()) {
    const value = index >= start && index < end ? 0x20 : byte;
    unsigned += value;
    signed += value < 128 ? value : value - 256;
  }
  return { unsigned, signed };
}

function noHeader(where: string, why: string): BundleError {
  return new BundleError('BUNDLE_INVALID', `${where} is no tar header: ${why}`, {
    hint: 'the file is damaged or no tar; copy it again from where it was made',
  });
}
