import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Digest } from '../../bundle-spec/names.ts';
import type { PartsJson } from '../../bundle-spec/parts-json.ts';
import { parseTarHeader } from '../../images/bundle/tar-header.ts';
import { digestOf } from '../../images/digest.ts';

/** Cuts a file into volumes of `size` bytes below `folder`, as `split -b` does. Gives their paths, and the parts.json that belongs to them. */
export async function splitFile(
  file: string,
  folder: string,
  size: number,
): Promise<{ readonly paths: readonly string[]; readonly parts: PartsJson }> {
  const whole = await readFile(file);
  const name = basename(file);
  await mkdir(folder, { recursive: true });
  const parts: PartsJson['parts'] = [];
  for (let at = 0; at < whole.length; at += size) {
    const bytes = whole.subarray(at, at + size);
    const part = `${name}.${String(parts.length + 1).padStart(3, '0')}`;
    await writeFile(join(folder, part), bytes);
    parts.push({ name: part, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
  }
  const paths = parts.map((part) => join(folder, part.name));
  const described = { name, size: whole.length, bundleJson: digestOfFirst(whole), parts };
  return { paths, parts: { apiVersion: 'diolkos.dev/v1', kind: 'PartsJson', ...described } };
}

function digestOfFirst(tar: Buffer): Digest {
  const { size = 0 } = parseTarHeader(tar.subarray(0, 512), 'it') ?? {};
  return digestOf(tar.subarray(512, 512 + size));
}
