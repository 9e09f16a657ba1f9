import { parseError, type ResponseHead } from './response-head.ts';

/** Of an answer that is no blob, no more than this is kept, in bytes: a complaint, a token error, the words of a redirect. */
const shortLimit = 64 << 10;

/** Takes the body of an answer that is no blob, up to a limit. */
export class ShortBody {
  readonly #framing: ResponseHead['body'];
  #bytes = Buffer.alloc(0);

  constructor({ body }: ResponseHead) {
    this.#framing = body;
  }

  /** Takes bytes as they come; true when the body is at its end or beyond what is kept. */
  take(bytes: Buffer): boolean {
    // The buffer that bytes come in is used again.
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    return this.isWhole || this.#bytes.length > shortLimit;
  }

  /** The end was seen, so that the connection is at the beginning of the next answer. */
  get isWhole(): boolean {
    if (this.#framing === 'until-close') return false;
    if (this.#framing === 'chunked') return decodeChunks(this.#bytes).isWhole;
    return this.#bytes.length >= this.#framing;
  }

  get bytes(): Buffer {
    const whole = this.#framing === 'chunked' ? decodeChunks(this.#bytes).bytes : this.#bytes;
    const length = typeof this.#framing === 'number' ? Math.min(this.#framing, shortLimit) : shortLimit;
    return whole.subarray(0, length);
  }
}

/** What is in the chunks that have arrived (RFC 9112, 7.1). Trailers are dropped. */
function decodeChunks(bytes: Buffer): { readonly bytes: Buffer; readonly isWhole: boolean } {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) return { bytes: Buffer.concat(chunks), isWhole: false };
    const [size] = /^[0-9a-f]{1,8}(?=\s*(?:;|$))/i.exec(bytes.toString('latin1', at, lineEnd)) ?? [];
    if (size === undefined) throw parseError('HPE_INVALID_CHUNK_SIZE', 'the answer has a chunk without a size');
    const begin = lineEnd + 2;
    const end = begin + Number.parseInt(size, 16);
    if (end === begin) return { bytes: Buffer.concat(chunks), isWhole: endsAt(bytes, begin) };
    chunks.push(bytes.subarray(begin, end));
    if (end + 2 > bytes.length) return { bytes: Buffer.concat(chunks), isWhole: false };
    at = end + 2;
  }
}

/** True when the trailers that may follow the last chunk are through. */
function endsAt(bytes: Buffer, begin: number): boolean {
  return bytes.subarray(begin, begin + 2).equals(Buffer.from('\r\n')) || bytes.indexOf('\r\n\r\n', begin) !== -1;
}
