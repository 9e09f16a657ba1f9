import type { FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { readRange } from '../file-range.ts';
import { blockSize, paddedSize, parseTarHeader, type TarHeader } from './tar-header.ts';

/** A regular file found in a tar. `position` is where its body begins, `size` its bytes. */
export interface FoundFile {
  readonly name: string;
  readonly size: number;
  readonly position: number;
  /** Of a link, which has no body: the name in the same tar that it points to. */
  readonly target?: string;
}

interface WalkOptions {
  readonly signal: AbortSignal;
  /** Give links to other files of the tar too, as old docker and podman write them. Default false: they are refused. */
  readonly links?: boolean;
}

/** Long names and PAX records are a few hundred bytes; more than this is an attack. */
const longestExtension = 1 << 20;

/** No file system takes more (PATH_MAX of Linux). */
const longestName = 4096;

/** What extension headers say about the file behind them. */
interface Extension {
  readonly name?: string;
  readonly linkName?: string;
  readonly size?: number;
}

/**
 * The regular files of any tar, found by walking its headers (ustar, GNU long names and base-256, PAX path and size); bodies are
 * not read. A leading `./` is dropped. Throws BUNDLE_INVALID for what no OCI archive needs and an attacker likes: links, devices,
 * absolute names, `..`, sizes past the end. `where` names the tar in errors.
 */
export async function* walkTar(handle: FileHandle, where: string, options: WalkOptions): AsyncIterable<FoundFile> {
  const { size } = await handle.stat();
  yield* walkTarBytes({ size, read: (position, length) => readRange(handle, position, length) }, where, options);
}

/** The bytes of a tar, in one file or in several. */
export interface TarBytes {
  readonly size: number;
  read(position: number, size: number): Promise<Buffer>;
}

/** As `walkTar`. */
export async function* walkTarBytes(bytes: TarBytes, where: string, options: WalkOptions): AsyncIterable<FoundFile> {
  const { size: end } = bytes;
  let extension: Extension = {};
  for (let at = 0; at < end; ) {
    options.signal.throwIfAborted();
    const header = await headerAt(bytes, at, end, where);
    if (header === undefined) return;
    const read = extensions[header.type];
    const size = (read === undefined ? extension.size : undefined) ?? header.size;
    const position = at + blockSize;
    at = position + paddedSize(size);
    if (position + size > end) throw invalid(where, `is truncated: "${header.name}" needs ${position + size - end} bytes more`);
    if (read !== undefined) {
      extension = { ...extension, ...read(await extensionBody(bytes, position, size, where), where) };
      continue;
    }
    const found = fileOf({ ...header, ...extension, size }, position, where, options);
    extension = {};
    if (found !== undefined) yield found;
  }
}

async function headerAt(bytes: TarBytes, at: number, end: number, where: string): Promise<TarHeader | undefined> {
  if (at + blockSize > end) throw invalid(where, `is truncated: it ends at byte ${end}, inside a header`);
  return parseTarHeader(await bytes.read(at, blockSize), `byte ${at} of ${where}`);
}

async function extensionBody(bytes: TarBytes, position: number, size: number, where: string): Promise<Buffer> {
  if (size > longestExtension) throw invalid(where, `has an extension header of ${size} bytes`);
  return bytes.read(position, size);
}

function fileOf(
  { name: written, linkName = '', size, type }: TarHeader,
  position: number,
  where: string,
  { links = false }: WalkOptions,
): FoundFile | undefined {
  const name = safeName(written, where);
  if (type === '5') return undefined;
  if (type === '0') return { name, size, position };
  if (links && (type === '1' || type === '2'))
    return { name, size: 0, position, target: linkTarget(name, linkName, type, where) };
  throw invalid(where, `holds "${name}", which is no regular file (type ${JSON.stringify(type)})`);
}

const extensions: Readonly<Record<string, (body: Buffer, where: string) => Extension>> = {
  L: (body) => ({ name: body.toString('utf8').replace(/\0.*$/s, '') }),
  K: (body) => ({ linkName: body.toString('utf8').replace(/\0.*$/s, '') }),
  g: () => ({}),
  x: paxExtension,
};

/** PAX records (POSIX pax, "pax Header Block"): `<length> <key>=<value>\n`, the length counting itself. */
function paxExtension(body: Buffer, where: string): Extension {
  let extension: Extension = {};
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(' ', at);
    const length = space === -1 ? Number.NaN : Number(body.toString('latin1', at, space));
    const record = body.toString('utf8', space + 1, at + length);
    const equals = record.indexOf('=');
    if (!Number.isSafeInteger(length) || at + length > body.length || equals < 1 || !record.endsWith('\n')) {
      throw invalid(where, 'has a PAX header that cannot be read');
    }
    const value = record.slice(equals + 1, -1);
    const key = record.slice(0, equals);
    if (key === 'linkpath') extension = { ...extension, linkName: value };
    if (key === 'path') extension = { ...extension, name: value };
    if (key === 'size') extension = { ...extension, size: paxSize(value, where) };
    if (key.startsWith('GNU.sparse.')) throw invalid(where, 'holds a sparse file');
    at += length;
  }
  return extension;
}

function paxSize(value: string, where: string): number {
  const size = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(size)) throw invalid(where, `has a PAX header with the size "${value}"`);
  return size;
}

function safeName(name: string, where: string): string {
  if (name.length > longestName) throw invalid(where, `holds a name of ${name.length} characters`);
  const plain = name.replace(/^(\.\/+)+/, '').replace(/\/+$/, '');
  if (plain.startsWith('/') || plain.split('/').includes('..') || plain.includes('\0')) {
    throw invalid(where, `holds "${name}", which points outside of it`);
  }
  return plain;
}

/** A symbolic link begins at its own folder, a hard link at the top. */
function linkTarget(name: string, linkName: string, type: '1' | '2', where: string): string {
  const target = posix.normalize(type === '2' ? posix.join(posix.dirname(name), linkName) : linkName);
  if (linkName !== '' && !linkName.startsWith('/') && !/^\.\.(\/|$)/.test(target) && !target.includes('\0')) return target;
  throw invalid(where, `holds "${name}", a link that points outside of it`);
}

function invalid(where: string, what: string): BundleError {
  return new BundleError('BUNDLE_INVALID', `${where} ${what}`, { hint: 'make the archive again, or copy it again' });
}
