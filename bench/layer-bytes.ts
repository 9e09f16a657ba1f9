import { createCipheriv, createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Digest } from '../bundle-spec/names.ts';
import { endSize, paddedSize, tarHeader } from '../images/bundle/tar-header.ts';
import { digestOf } from '../images/digest.ts';
import type { BenchLayer } from './image-set.ts';

/** A layer's bytes as a registry keeps them, and the digest of the tar within. */
export interface LayerBytes {
  readonly bytes: Buffer;
  readonly diffId: Digest;
}

/** A tar with one file: noise in gzip's stored blocks, or text without compression. */
export function layerBytes({ name, size, plain }: BenchLayer): LayerBytes {
  const content = plain ? text(name, size) : noise(name, size);
  const padding = Buffer.alloc(paddedSize(size) - size + endSize);
  const tar = Buffer.concat([tarHeader('data', size), content, padding]);
  return { bytes: plain ? tar : gzipSync(tar, { level: 0 }), diffId: digestOf(tar) };
}

/** Bytes that nothing compresses, the same for the same seed. */
function noise(seed: string, size: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

const words = [
  'pod',
  'service',
  'namespace',
  'ready',
  'true',
  '10.0.0.1',
  'level=info',
  'msg',
  'the',
  'shipped',
  'at',
  'of',
  'node',
  '7',
  'x\n',
  '{}',
];

/** Text that gzip makes about three times smaller. */
function text(seed: string, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  const spelled = words.map((word) => Buffer.from(`${word} `));
  const choices = noise(seed, size);
  for (let at = 0, next = 0; at < size; next += 1) {
    const word = spelled[(choices[next] ?? 0) % spelled.length] ?? Buffer.of(0x20);
    word.copy(bytes, at);
    at += word.length;
  }
  return bytes;
}
