import { readFile, stat } from 'node:fs/promises';
import type { z } from 'zod';
import { Bundle } from './bundle.ts';
import { BundleError } from './bundle-error.ts';
import { checkBundle } from './check-bundle.ts';
import { Lock } from './lock.ts';
import { type ParseDocumentOptions, parseDocument } from './parse-document.ts';
import { Site } from './site.ts';

export interface ReadOptions {
  readonly signal: AbortSignal;
}

/** The spec in `file`, defaults filled in; its paths are still relative to the file. Throws SPEC_INVALID, FILE_UNREADABLE. */
export async function readBundle(file: string, options: ReadOptions): Promise<Bundle> {
  return await readDocument(Bundle, file, { ...options, code: 'SPEC_INVALID', check: checkBundle });
}

/** The site in `file`, defaults filled in; its paths are still relative to the file. Throws SITE_INVALID, FILE_UNREADABLE. */
export async function readSite(file: string, options: ReadOptions): Promise<Site> {
  return await readDocument(Site, file, { ...options, code: 'SITE_INVALID' });
}

/** The lock in `file`. Throws LOCK_INVALID, FILE_UNREADABLE. */
export async function readLock(file: string, options: ReadOptions): Promise<Lock> {
  return await readDocument(Lock, file, { ...options, code: 'LOCK_INVALID' });
}

async function readDocument<Schema extends z.ZodType>(
  schema: Schema,
  file: string,
  { signal, ...options }: ReadOptions & Omit<ParseDocumentOptions, 'file'>,
): Promise<z.output<Schema>> {
  return parseDocument(schema, await readText(file, { signal }), { file, ...options });
}

/** Documents are some kilobytes, big locks some megabytes; a bundle given in place of its spec has to be refused unread. */
const sizeLimit = 64 * 1024 * 1024;

async function readText(file: string, { signal }: ReadOptions): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > sizeLimit) throw new BundleError('FILE_UNREADABLE', `${file} has ${size} bytes, too many for a YAML document`);
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file, { signal }));
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof BundleError) throw cause;
    const { words, hint } = unreadable(cause);
    throw new BundleError('FILE_UNREADABLE', `${file} cannot be read: ${words}`, { hint, cause });
  }
}

/** Why a file cannot be read, as the end of a sentence, and what to do. */
export function unreadable(cause: unknown): { readonly words: string; readonly hint: string } {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const known = typeof code === 'string' ? reasons[code] : undefined;
  return known ?? { words: cause instanceof Error ? cause.message : String(cause), hint: 'check the file and its disk' };
}

const reasons: Readonly<Record<string, { readonly words: string; readonly hint: string }>> = {
  ENOENT: { words: 'there is no such file', hint: 'give the path from the current directory, or an absolute one' },
  EISDIR: { words: 'it is a directory', hint: 'name the file in it' },
  EACCES: { words: 'permission denied', hint: 'give this user the right to read it' },
  ERR_ENCODING_INVALID_ENCODED_DATA: { words: 'it is not UTF-8 text', hint: 'save it as UTF-8' },
};
