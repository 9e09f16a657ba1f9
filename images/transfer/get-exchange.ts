import type { BlobState } from './blob-state.ts';
import { type Connection, lost, type Receiver } from './connection.ts';
import { failureOf, type GetRequest, type GetResult } from './messages.ts';
import { headerOf, parseError, parseResponseHead, type ResponseHead } from './response-head.ts';
import { ShortBody } from './short-body.ts';
import { watchdog } from './watchdog.ts';

/** The beginning of an answer may take this much, in bytes. */
const headLimit = 64 << 10;

/** Answers before the answer are few; who sends them for ever is left. */
const mostInterim = 20;

export interface ExchangeOptions {
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

/** A GET under way: reads the answer, and the blob straight from the buffer of the socket. */
export class GetExchange implements Receiver {
  readonly connection: Connection;
  readonly result: Promise<GetResult>;
  /** The connection was lost before the first byte of an answer. */
  isUnanswered = false;
  /** The connection is at the beginning of the next answer. */
  isReusable = false;
  readonly #blob: BlobState;
  readonly #options: ExchangeOptions;
  readonly #watch: ReturnType<typeof watchdog>;
  readonly #settle: PromiseWithResolvers<GetResult>;
  readonly #stallMs: number;
  #part: Buffer = Buffer.alloc(0);
  #interim = 0;
  #head: ResponseHead | undefined;
  #short: ShortBody | undefined;
  /** Bytes of the body that are still to come, and how many of the next ones the blob has already. */
  #left = 0;
  #skip = 0;

  constructor(connection: Connection, blob: BlobState, request: GetRequest, options: ExchangeOptions) {
    this.connection = connection;
    this.#blob = blob;
    this.#options = options;
    this.#settle = Promise.withResolvers();
    this.result = this.#settle.promise;
    this.#stallMs = request.stallMs;
    this.#watch = watchdog(request.headersMs, () => this.#lose(silent(this.#head === undefined)));
    options.signal.addEventListener('abort', this.#abort);
    connection.attach(this);
    connection.send(requestText(request));
  }

  onBytes(bytes: Buffer): void {
    if (this.#head !== undefined) this.#watch.touch(); // a head has its time as a whole: it could drip for ever
    try {
      if (this.#head === undefined) this.#takeHead(bytes);
      else this.#takeBody(bytes);
    } catch (error) {
      this.#reject(error);
    }
  }

  onEnd(error: Error | undefined): void {
    this.isUnanswered = this.#head === undefined && this.#part.length === 0;
    if (this.#short !== undefined && this.#head?.body === 'until-close' && error === undefined)
      this.#answered(this.#head, this.#short);
    else this.#lose(error ?? lost());
  }

  #takeHead(bytes: Buffer): void {
    // The buffer that bytes come in is used again.
    this.#part = Buffer.concat([this.#part, bytes]);
    for (;;) {
      const end = this.#part.indexOf('\r\n\r\n');
      if (end === -1 && this.#part.length > headLimit)
        throw parseError('HPE_HEADER_OVERFLOW', 'the answer has no end of headers');
      if (end === -1) return;
      const head = parseResponseHead(this.#part.toString('latin1', 0, end));
      const rest = this.#part.subarray(end + 4);
      this.#part = rest;
      if (head.status >= 200) {
        this.#begin(head, rest);
        return;
      }
      this.#interim += 1; // 100 and 103 come before the answer
      if (this.#interim > mostInterim) throw parseError('HPE_INTERIM', 'there is no end of interim answers');
    }
  }

  #begin(head: ResponseHead, rest: Buffer): void {
    this.#head = head;
    this.#part = Buffer.alloc(0);
    this.#watch.allow(this.#stallMs);
    const isBlob = head.status === 200 || head.status === 206;
    if (isBlob && (typeof head.body !== 'number' || head.headers['content-encoding'] !== undefined)) {
      this.#resolve({ kind: 'foreign' }, false);
      return;
    }
    const skip = isBlob ? skipOf(head, this.#blob) : undefined;
    if (skip === undefined) this.#short = new ShortBody(head);
    if (skip !== undefined) [this.#skip, this.#left] = [skip, Number(head.body)];
    // A body that claims to be the blob and has another size or place is not worth a look.
    if (isBlob && this.#short !== undefined) this.#answered(head, this.#short);
    else this.#takeBody(rest);
  }

  #takeBody(bytes: Buffer): void {
    const head = this.#head;
    if (head === undefined) return;
    if (this.#short === undefined) this.#takeBlob(bytes, head);
    else if (this.#short.take(bytes)) this.#answered(head, this.#short);
  }

  #takeBlob(bytes: Buffer, head: ResponseHead): void {
    const mine = bytes.subarray(0, this.#left);
    const fresh = mine.subarray(Math.min(this.#skip, mine.length));
    this.#skip -= mine.length - fresh.length;
    this.#left -= mine.length;
    try {
      this.#blob.take(fresh);
    } catch (error) {
      this.#resolve({ ...this.#taken(head), disk: failureOf(error) }, false);
      return;
    }
    this.#options.onBytes(fresh.length);
    if (this.#left === 0) this.#resolve(this.#taken(head), head.keepAlive && bytes.length === mine.length);
  }

  #taken({ status }: ResponseHead): Extract<GetResult, { kind: 'taken' }> {
    return { kind: 'taken', status, progress: this.#blob.progress };
  }

  #answered({ status, headers, keepAlive }: ResponseHead, body: ShortBody): void {
    this.#resolve({ kind: 'answer', status, headers, body: body.bytes }, keepAlive && body.isWhole);
  }

  /** Once a blob has begun to come, a lost connection is no failure of the request: what came is kept. */
  #lose(error: Error): void {
    if (this.#head === undefined || this.#short !== undefined) this.#reject(error);
    else this.#resolve({ ...this.#taken(this.#head), lost: failureOf(error) }, false);
  }

  readonly #abort = (): void => this.#reject(new DOMException('aborted', 'AbortError'));

  #resolve(result: GetResult, isReusable: boolean): void {
    this.isReusable = isReusable;
    this.#release();
    this.#settle.resolve(result);
  }

  #reject(error: unknown): void {
    this.#release();
    this.#settle.reject(error);
  }

  #release(): void {
    this.#watch.stop();
    this.#options.signal.removeEventListener('abort', this.#abort);
    if (this.isReusable) this.connection.attach(undefined);
    else this.connection.destroy();
  }
}

/** How many bytes of the body the blob has already; `undefined` when the body is not what the blob goes on with. */
function skipOf(head: ResponseHead, { received, plan: { size } }: BlobState): number | undefined {
  if (head.status === 200) return head.body === size ? received : undefined; // a Range was ignored, if there was one
  const range = headerOf(head, 'content-range') ?? '';
  const isNext = range === `bytes ${received}-${size - 1}/${size}` || range === `bytes ${received}-${size - 1}/*`;
  return received > 0 && isNext && head.body === size - received ? 0 : undefined;
}

function requestText({ origin: { host, port, tls }, path, headers }: GetRequest): string {
  const name = host.includes(':') ? `[${host}]` : host;
  const isUsual = port === (tls === undefined ? 80 : 443);
  const all = { host: isUsual ? name : `${name}:${port}`, connection: 'keep-alive', ...headers };
  const lines = Object.entries(all).map(([key, value]) => `${key}: ${value}\r\n`);
  // Whoever builds a header from outside must not be able to add another.
  if (/[^\x20-\x7e]/.test(path) || lines.some((line) => /[\r\n\0]/.test(line.slice(0, -2))))
    throw new TypeError('a request with a line break');
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

function silent(beforeHead: boolean): Error {
  const code = beforeHead ? 'UND_ERR_HEADERS_TIMEOUT' : 'UND_ERR_BODY_TIMEOUT';
  return Object.assign(new Error('the connection fell silent'), { code });
}
