import { crc32, gunzipSync } from 'node:zlib';
import { Parser } from 'tar';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { endSize, paddedSize, tarHeader } from '../../images/bundle/tar-header.ts';

/** The files of a chart, by their path below the chart's own folder. */
export type ChartFiles = ReadonlyMap<string, Buffer>;

// Helm's own limits (helm pkg/chart/loader/archive), in bytes.
const largestChart = 100 * 1024 * 1024;
export const largestFile = 5 * 1024 * 1024;

/**
 * Reads a packed chart into memory, by helm's rules: the first path part is dropped, folders and links are no files.
 * `name` is what errors call the archive. Throws CHART_INVALID for anything that is no chart archive or leaves its folder.
 */
export function readArchive(tgz: Buffer, name: string): ChartFiles {
  const files = new Map<string, Buffer>();
  for (const { type, path, body } of archiveEntries(unzip(tgz, name), name)) {
    if (type === 'Link' || type === 'SymbolicLink') throw invalid(name, `"${path}" is a link`);
    if (type !== 'File' && type !== 'OldFile') continue;
    if (body.length > largestFile) throw invalid(name, `"${path}" is larger than helm loads (5 MiB)`);
    files.set(pathInside(path, name), withoutByteOrderMark(body));
  }
  if (files.size === 0) throw invalid(name, 'it holds no files');
  return files;
}

/**
 * Packs `files` below the folder `name`: sorted, modes, owners and times fixed, gzip without compression. The bytes depend on nothing but
 * the files; a compressor's output differs between zlib builds, and a chart is small beside the images it travels with.
 */
export function writeArchive(name: string, files: ChartFiles): Buffer {
  const parts: Buffer[] = [];
  for (const [path, body] of [...files].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
    parts.push(...fileHeaders(`${name}/${path}`, body.length), body, Buffer.alloc(paddedSize(body.length) - body.length));
  }
  parts.push(Buffer.alloc(endSize));
  return storedGzip(Buffer.concat(parts));
}

function unzip(tgz: Buffer, name: string): Buffer {
  if (tgz[0] !== 0x1f || tgz[1] !== 0x8b) throw invalid(name, 'it is not gzip');
  try {
    return gunzipSync(tgz, { maxOutputLength: largestChart });
  } catch (cause) {
    const large = cause instanceof RangeError;
    throw invalid(name, large ? 'it is larger than helm loads (100 MiB unpacked)' : 'the gzip data is damaged', cause);
  }
}

interface ArchiveEntry {
  readonly type: string;
  readonly path: string;
  readonly body: Buffer;
}

/** All entries of a tar. Helm charts are small enough to be held; everything happens within `end`. */
function archiveEntries(tar: Buffer, name: string): ArchiveEntry[] {
  const entries: ArchiveEntry[] = [];
  try {
    const parser = new Parser({
      strict: true,
      onReadEntry: (entry) => {
        const chunks: Buffer[] = [];
        entry.on('data', (chunk: Buffer) => chunks.push(chunk));
        entry.on('end', () => entries.push({ type: entry.type, path: entry.path, body: Buffer.concat(chunks) }));
      },
    });
    parser.on('error', (error) => {
      throw error;
    });
    parser.end(tar);
  } catch (cause) {
    const words = cause instanceof Error ? cause.message.replace(/^TAR_[A-Z_]+: /, '') : String(cause);
    throw invalid(name, `the tar inside it cannot be read (${words})`, cause);
  }
  return entries;
}

function pathInside(entry: string, name: string): string {
  const parts = entry.replaceAll('\\', '/').split('/');
  const below = parts.slice(1).filter((part) => part !== '' && part !== '.');
  if (parts[0] === '' || /^[a-zA-Z]:$/.test(parts[0] ?? '')) throw invalid(name, `"${entry}" is an absolute path`);
  if (parts.includes('..')) throw invalid(name, `"${entry}" leaves the chart's folder`);
  if (below.length === 0) throw invalid(name, `"${entry}" does not lie in the chart's folder`);
  if (/^[a-zA-Z]:$/.test(below[0] ?? '')) throw invalid(name, `"${entry}" is an absolute path`);
  return below.join('/');
}

function withoutByteOrderMark(body: Buffer): Buffer {
  return body.length >= 3 && body.readUIntBE(0, 3) === 0xefbbbf ? body.subarray(3) : body;
}

// A name that does not fit the header comes first, as the body of a GNU "L" entry, which Go, GNU tar and node-tar all read.
function fileHeaders(path: string, size: number): Buffer[] {
  if (/^[\x21-\x7e]{1,100}$/.test(path)) return [tarHeader(path, size)];
  const text = Buffer.from(`${path}\0`);
  const long = tarHeader('././@LongLink', text.length);
  long.write('L', 156, 'latin1');
  const sum = Number.parseInt(long.toString('latin1', 148, 154), 8) + 'L'.charCodeAt(0) - '0'.charCodeAt(0);
  long.write(sum.toString(8).padStart(6, '0'), 148, 'latin1');
  return [long, text, Buffer.alloc(paddedSize(text.length) - text.length), tarHeader('long-name', size)];
}

function storedGzip(bytes: Buffer): Buffer {
  // RFC 1952: deflate, no flags, no time, unknown system; then RFC 1951 stored blocks of at most 65,535 bytes.
  const parts: Buffer[] = [Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])];
  for (let start = 0; start < bytes.length; start += 0xffff) {
    const block = bytes.subarray(start, start + 0xffff);
    const head = Buffer.alloc(5);
    head[0] = start + 0xffff >= bytes.length ? 1 : 0;
    head.writeUInt16LE(block.length, 1);
    head.writeUInt16LE(0xffff - block.length, 3);
    parts.push(head, block);
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(bytes), 0);
  trailer.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([...parts, trailer]);
}

function invalid(name: string, why: string, cause?: unknown): BundleError {
  return new BundleError('CHART_INVALID', `${name} is no chart archive: ${why}`, {
    hint: 'give a chart directory, or a .tgz made by "helm package"',
    ...(cause === undefined ? {} : { cause }),
  });
}
