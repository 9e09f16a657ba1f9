import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { RegistryAccess } from './registry-access.ts';
import { Dispatchers } from './registry-dispatcher.ts';

/** One HTTP request, as it goes over the wire. */
export interface Exchange {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | AsyncIterable<Buffer>;
  /** How long the answer may take to begin. 0: as long as it likes. Default that of the timeouts. */
  readonly headersTimeoutMs?: number;
  readonly signal: AbortSignal;
}

/** What came back. The body must be read, or dropped with `discard`. */
export interface Answer {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly body: AnswerBody;
  /** Set when the body was a blob and went to its places before anybody could see it, as far as it came. */
  readonly delivered?: Delivery;
  /** Where it came from in the end; base of a relative `Location`. */
  readonly url: URL;
}

export type AnswerBody = AsyncIterable<Buffer> & { dump(options: { readonly limit: number }): Promise<void> };

/** How the delivery of a blob's body ended: the connection was `lost`, the `disk` refused, or neither. */
export interface Delivery {
  readonly lost?: Error;
  readonly disk?: Error;
}

export interface Timeouts {
  /** Until a connection stands, TLS included. Default 10,000. */
  readonly connectMs?: number;
  /** Until an answer has begun, where the request itself does not say otherwise. Default 60,000. */
  readonly headersMs?: number;
  /** Silence within a body after which the connection is given up. Default 30,000. */
  readonly stallMs?: number;
}

/** Connections to one registry and to wherever it redirects: HTTP/1.1, kept alive, with one set of trusted certificates. */
export interface Transport {
  send(exchange: Exchange): Promise<Answer>;
  /** Ends all connections at once. */
  close(): Promise<void>;
}

/** No more sockets a host than this; the callers' own limits are lower. */
const connections = 16;

export function openTransport(access: RegistryAccess, timeouts: Timeouts = {}): Transport {
  const { connectMs = 10_000, headersMs = 60_000, stallMs = 30_000 } = timeouts;
  const dispatchers = new Dispatchers(access, { connections, connectMs, stallMs });
  return {
    async send({ method, url, headers, body, headersTimeoutMs = headersMs, signal }) {
      const answer = await dispatchers.to(url).request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers: { 'user-agent': 'diolkos', ...headers },
        // undici takes any async iterable; its types name only the streams among them.
        body: (body as Buffer | Readable | undefined) ?? null,
        headersTimeout: headersTimeoutMs,
        onInfo: fewInterim(),
        reset: false, // or undici closes the connection after every HEAD
        signal,
      });
      return { status: answer.statusCode, headers: answer.headers, body: answer.body, url };
    },
    close: () => dispatchers.close(),
  };
}

/** A body whose bytes are at hand. */
export function heldBody(bytes: Uint8Array): AnswerBody {
  return {
    async *[Symbol.asyncIterator]() {
      if (bytes.length > 0) yield Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    dump: async () => undefined,
  };
}

/** Answers before the answer (100, 103) are few; who sends them for ever is left. */
function fewInterim(): () => void {
  let left = 20;
  return () => {
    left -= 1;
    if (left < 0) throw Object.assign(new Error('there is no end of interim answers'), { code: 'HPE_INTERIM' });
  };
}

/** Reads a whole body, or `undefined` when it has more than `limit` bytes. */
export async function readBody(answer: Answer, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.length;
    if (size > limit) return undefined; // leaving the loop destroys the body
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/**
 * The answer with its body in memory, which ends one byte behind `limit` where it has more. Throws connection errors as they come, so that
 * whoever repeats requests repeats also those whose answer breaks off.
 */
export async function withBody(answer: Answer, limit: number): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > limit) break; // leaving the loop destroys the body
  }
  return { ...answer, body: heldBody(Buffer.concat(chunks, size).subarray(0, limit + 1)) };
}

/** Drops a body that nobody wants, so that its connection can be used again (or is closed, if much would still come). */
export async function discard(answer: Answer): Promise<void> {
  await answer.body.dump({ limit: 64 << 10 }).catch(() => undefined);
}

/** A header's value; the first, if it was sent several times. */
export function header(answer: Answer, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
