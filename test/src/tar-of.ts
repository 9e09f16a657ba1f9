import { blockSize, endSize, tarHeader } from '../../images/bundle/tar-header.ts';

/** A tar whose entries have these names and hold two bytes each. */
export function tarOf(names: readonly string[]): Buffer {
  const entries = names.flatMap((name) => {
    const body = Buffer.alloc(blockSize);
    body.write('{}');
    return [tarHeader(name, 2), body];
  });
  return Buffer.concat([...entries, Buffer.alloc(endSize)]);
}
