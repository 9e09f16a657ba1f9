import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { MemoryRegistry } from '../memory-registry.ts';
import { reply } from '../reply.ts';
import { type Act, type Quirk, together, when } from './quirk.ts';

const blobs = /\/blobs\/sha256/;

/** Gives the first `length` bytes of what was asked for, then resets the connection. */
export function cutAt(length: number, times = 1): Quirk {
  const act: Act = (request, response, registry) => {
    const { bytes, from } = wanted(request, registry);
    const rest = bytes.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': rest.length,
      ...(from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
    });
    resetAfter(response, rest.subarray(0, length));
    return undefined;
  };
  return when('GET', blobs, act, times);
}

/** All bytes come, and a reset instead of a proper end. */
export function cutAtEnd(): Quirk {
  const act: Act = (request, response, registry) => {
    response.writeHead(200); // chunked: only the last, empty chunk would tell the end
    resetAfter(response, wanted(request, registry).bytes);
    return undefined;
  };
  return when('GET', blobs, act, 1);
}

/** Knows no Range: everything, from the start. */
export function rangeIgnored(): Quirk {
  return when('GET', blobs, (request, _response, registry) => reply(200, {}, wanted(request, registry).bytes));
}

/** Resumes a byte too late. */
export function rangeOffByOne(): Quirk {
  return when('GET', blobs, (request, _response, registry) => {
    const { bytes, from } = wanted(request, registry);
    if (from === 0) return reply(200, {}, bytes);
    return reply(206, { 'content-range': `bytes ${from + 1}-${bytes.length - 1}/${bytes.length}` }, bytes.subarray(from + 1));
  });
}

/** 416 for any Range. */
export function rangeRefused(): Quirk {
  return when('GET', blobs, (request, _response, registry) => {
    const { bytes, from } = wanted(request, registry);
    return from === 0 ? reply(200, {}, bytes) : reply(416);
  });
}

/** Content-Length is that of other bytes, `more` longer. */
export function lyingLength(more: number): Quirk {
  return when('GET', blobs, (request, _response, registry) => {
    const { bytes } = wanted(request, registry);
    return reply(200, {}, more < 0 ? bytes.subarray(0, more) : Buffer.concat([bytes, Buffer.alloc(more)]));
  });
}

/** Says that a blob is encoded on the way; `pack` makes it true. */
export function contentEncoding(
  encoding: string,
  pack: (bytes: Buffer) => Buffer = (bytes) => bytes,
  headers: Readonly<Record<string, string>> = {},
): Quirk {
  return when('GET', blobs, (request, response, registry) => {
    const bytes = pack(wanted(request, registry).bytes);
    if (headers['transfer-encoding'] === undefined) return reply(200, { 'content-encoding': encoding, ...headers }, bytes);
    response.writeHead(200, { 'content-encoding': encoding, ...headers });
    response.end(bytes);
    return undefined;
  });
}

/** The blob is gzipped on the way, and the first answer is reset after so many of its bytes. */
export function encodedAndCut(length: number): Quirk {
  const pack = (bytes: Buffer): Buffer => gzipSync(bytes);
  const act: Act = (request, response, registry) => {
    const bytes = pack(wanted(request, registry).bytes);
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': bytes.length });
    resetAfter(response, bytes.subarray(0, length));
    return undefined;
  };
  return together(when('GET', blobs, act, 1), contentEncoding('gzip', pack));
}

/** A body without end. */
export function endless(path: RegExp, headers: Readonly<Record<string, string>> = {}): Quirk {
  return when('GET|HEAD', path, (_request, response) => {
    response.writeHead(200, headers);
    const more = (): void => void (response.destroyed || response.write(Buffer.alloc(1 << 16, ' '), () => setImmediate(more)));
    more();
    return undefined;
  });
}

/** The first answers break off after their first byte, by a reset. */
export function breaksOff(path: RegExp, times = 1): Quirk {
  const act: Act = (_request, response) => {
    response.writeHead(200, { 'content-length': 1000 });
    resetAfter(response, Buffer.from('{'));
    return undefined;
  };
  return when('GET', path, act, times);
}

/** Headers that never come; the connection stays. */
export function silent(path: RegExp, times: number): Quirk {
  return when('GET|HEAD|PUT|POST|PATCH', path, () => undefined, times);
}

function resetAfter(response: ServerResponse, bytes: Buffer): void {
  response.flushHeaders();
  const reset = () => setTimeout(() => response.socket?.resetAndDestroy(), 50);
  if (bytes.length === 0) reset();
  else response.write(bytes, reset);
}

function wanted(request: IncomingMessage, { store }: MemoryRegistry): { readonly bytes: Buffer; readonly from: number } {
  const [, name = '', digest = ''] = /^\/v2\/(.+)\/blobs\/(sha256:[0-9a-f]+)/.exec(request.url ?? '') ?? [];
  const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  return { bytes: store.blob(name, digest) ?? Buffer.alloc(0), from };
}
