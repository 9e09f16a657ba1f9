import { randomUUID } from 'node:crypto';
import { open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HeldDocument } from '../../images/descriptor.ts';
import { bytesBody } from '../../images/registry/blob-body.ts';
import type { PushBlobOptions, Registry } from '../../images/registry/registry.ts';

/** Pushes bytes at hand. */
export async function pushBytes(
  registry: Registry,
  repository: string,
  { descriptor, bytes }: HeldDocument,
  options: PushBlobOptions,
): Promise<'present' | 'mounted' | 'pushed'> {
  return registry.pushBlob(repository, descriptor, bytesBody(bytes, descriptor), options);
}

/** Pulls a blob as a build does: straight to its place in a file. */
export async function pullToFile(
  registry: Registry,
  repository: string,
  { descriptor }: Pick<HeldDocument, 'descriptor'>,
  { signal }: { readonly signal: AbortSignal },
): Promise<Buffer> {
  const path = join(tmpdir(), `diolkos-pulled-${randomUUID()}`);
  const file = await open(path, 'w+');
  try {
    const places = [[{ fd: file.fd, position: 512, size: descriptor.size }]];
    await registry.pullBlob(repository, descriptor, { places }, { signal });
    return (await readFile(path)).subarray(512);
  } finally {
    await file.close();
    await rm(path);
  }
}

/** Pulls a blob piece by piece, as it is written to a pipe. */
export async function pullInOrder(
  registry: Registry,
  repository: string,
  { descriptor }: Pick<HeldDocument, 'descriptor'>,
  { signal }: { readonly signal: AbortSignal },
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const write = async (chunk: Buffer): Promise<void> => void chunks.push(Buffer.from(chunk));
  await registry.pullBlob(repository, descriptor, { write }, { signal });
  return Buffer.concat(chunks);
}
