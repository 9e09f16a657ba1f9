import { readFile } from 'node:fs/promises';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { DeltaBase } from '../../bundle-spec/bundle-json.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import { readLock } from '../../bundle-spec/read-bundle.ts';
import { SiteReport } from '../../bundle-spec/site-report.ts';
import { digestOf } from '../digest.ts';
import { openForReading } from '../file-range.ts';
import { jsonValue } from '../json-value.ts';
import type { OpenOptions } from './bundle-bytes.ts';
import { openBundle } from './bundle-reader.ts';
import { blobHolders } from './needed-blobs.ts';

/** What the other side of the gap has. */
export interface KnownBase {
  readonly base: DeltaBase;
  /** Blobs, and an image that has each. */
  readonly held: ReadonlyMap<Digest, string>;
}

/**
 * Reads what a delta is computed from: a bundle (or a delta, or volumes), a lock, or what a site reported. Throws FILE_UNREADABLE,
 * LOCK_INVALID (also for one that lists no blobs), BUNDLE_INVALID, BUNDLE_DAMAGED, VOLUME_MISSING.
 */
export async function readBase(file: string, options: OpenOptions): Promise<KnownBase> {
  if (/\.ya?ml$/.test(file)) return baseOfLock(file, options);
  const start = file.endsWith('.parts.json') ? '' : await startOf(file);
  return start.trimStart().startsWith('{') ? baseOfReport(file) : baseOfBundle(file, options);
}

/** Nothing for a file that is not there: it may be volumes. */
async function startOf(file: string): Promise<string> {
  const handle = await openForReading(file).catch(() => undefined);
  if (handle === undefined) return '';
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function baseOfBundle(file: string, options: OpenOptions): Promise<KnownBase> {
  const bundle = await openBundle(file, options);
  try {
    const { name, version } = bundle.json.metadata;
    const digest = bundle.parts[0]?.digest ?? digestOf(Buffer.alloc(0));
    return { base: { from: 'bundle', name, version, digest }, held: await blobHolders(bundle, options) };
  } finally {
    await bundle.close();
  }
}

async function baseOfLock(file: string, options: OpenOptions): Promise<KnownBase> {
  const { metadata, blobs } = await readLock(file, options).catch((error) => Promise.reject(asBase(error)));
  const digest = digestOf(await readFile(file));
  return { base: { from: 'lock', ...metadata, digest }, held: heldIn(file, blobs) };
}

/** The hint of a lock speaks of `--locked`. */
function asBase(error: unknown): unknown {
  if (!(error instanceof BundleError) || error.code !== 'LOCK_INVALID') return error;
  return new BundleError(error.code, error.message, {
    hint: 'a base is an earlier bundle, the lock that was written with it, or the report of a site',
  });
}

async function baseOfReport(file: string): Promise<KnownBase> {
  const parsed = SiteReport.safeParse(jsonValue(await readFile(file, 'utf8')));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new BundleError('LOCK_INVALID', `${file} is no site report: ${issue?.path.join('.') || 'its top'}: ${issue?.message}`, {
      hint: 'give what diolkos push --format json printed, or record.json of the ConfigMap diolkos-record-<bundle>',
    });
  }
  const { bundle, blobs = {} } = parsed.data;
  return { base: { from: 'site-report', ...bundle }, held: heldIn(file, blobs) };
}

function heldIn(file: string, blobs: Readonly<Record<string, string>>): ReadonlyMap<Digest, string> {
  const held = new Map(Object.entries(blobs) as [Digest, string][]);
  if (held.size > 0) return held;
  throw new BundleError('LOCK_INVALID', `${file} does not list the blobs of its images`, {
    hint: 'give the bundle itself, or the lock that was written with it',
  });
}
