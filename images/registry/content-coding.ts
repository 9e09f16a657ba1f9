import { PassThrough, type Transform } from 'node:stream';
import { createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { type Answer, header } from './registry-transport.ts';

const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  zstd: createZstdDecompress,
};

/** What undoes the `Content-Encoding` of a whole answer (RFC 9110, 8.4); `undefined` when it has none, or one that is not known. */
export function decoderOf(answer: Answer): (() => Transform) | undefined {
  const coding = header(answer, 'content-encoding')?.trim().toLowerCase() ?? '';
  return answer.status === 200 && Object.hasOwn(decoders, coding) ? decoders[coding] : undefined;
}

/** The body, decoded as `decoderOf` says. Throws what the connection throws, and what `isDecodingError` knows. */
export async function* decodedBody(answer: Answer): AsyncIterable<Buffer> {
  const stream = decoderOf(answer)?.() ?? new PassThrough();
  const feeding = feed(answer.body, stream);
  feeding.catch(() => undefined); // whoever reads the stream is told
  try {
    yield* stream as AsyncIterable<Buffer>;
    await feeding;
  } finally {
    stream.destroy();
    await feeding.catch(() => undefined);
  }
}

/** True for what zlib throws: the bytes are not in the encoding that was claimed. */
export function isDecodingError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(Z_|ZSTD_)/.test(String(error.code));
}

async function feed(body: AsyncIterable<Buffer>, stream: Transform): Promise<void> {
  try {
    for await (const chunk of body) {
      if (stream.destroyed) return; // leaving the loop ends the body
      if (!stream.write(chunk)) await new Promise((resolve) => stream.once('drain', resolve).once('close', resolve));
    }
    stream.end();
  } catch (error) {
    stream.destroy(error as Error);
    throw error;
  }
}
