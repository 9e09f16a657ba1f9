import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import { PartsJson } from '../../bundle-spec/parts-json.ts';
import { jsonValue } from '../json-value.ts';

/** A volume that was found: a raw range of a bundle. */
export interface FoundVolume {
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  /** What parts.json says its bytes are, 64 hex digits; unknown without it. */
  readonly sha256?: string;
}

/** The volumes of a bundle in their order. */
export interface VolumeSet {
  /** The name of the one file they make, joined: `shop.tar`. */
  readonly name: string;
  readonly volumes: readonly FoundVolume[];
  /** What parts.json says of the whole. Without it, the volumes are told by their numbers, and bundle.json has to say what is missing. */
  readonly whole?: { readonly size: number; readonly bundleJson: Digest };
}

const partsSuffix = '.parts.json';

/** 9,999 volumes take 1.5 MB. */
const longestParts = 4 << 20;

/**
 * Finds the volumes of a bundle from `shop.tar`, `shop.tar.001` or `shop.tar.parts.json`, in the folder of that path and in
 * `directories`. `undefined` when the path is one whole file, or nothing at all. Throws VOLUME_MISSING with all that are missing and
 * where they were looked for, BUNDLE_DAMAGED for sizes that parts.json does not have, BUNDLE_INVALID for a wrong parts.json.
 */
export async function findVolumes(path: string, directories: readonly string[]): Promise<VolumeSet | undefined> {
  const numbered = /^(.+)\.\d{3,4}$/.exec(basename(path));
  const isParts = path.endsWith(partsSuffix);
  if (!isParts && numbered === null && (await sizeOf(path)) !== undefined) return undefined;
  const name = isParts ? basename(path).slice(0, -partsSuffix.length) : (numbered?.[1] ?? basename(path));
  const folders = [...new Set([dirname(path), ...directories])];
  const parts = await readParts(isParts ? path : undefined, name, folders);
  if (parts !== undefined) return listedVolumes(parts, name, folders);
  return numberedVolumes(name, folders);
}

/** Says which volumes are missing or have another size. `expected` are sizes by name, in order; nothing when all is well. */
export function volumeProblem(
  set: string,
  expected: readonly { readonly name: string; readonly size: number }[],
  found: ReadonlyMap<string, FoundVolume>,
  folders: readonly string[],
): BundleError | undefined {
  const missing = expected.filter(({ name }) => !found.has(name)).map(({ name }) => name);
  const wrong = expected.flatMap(({ name, size }) => {
    const held = found.get(name);
    if (held === undefined || held.size === size) return [];
    return `${held.path} is too ${held.size < size ? 'short' : 'long'}: it has ${held.size} bytes, and should have ${size}`;
  });
  if (missing.length > 0) {
    const are = missing.length === 1 ? 'is' : 'are';
    const lines = [`${missing.length} of ${expected.length} volumes of ${set} ${are} missing: ${missing.join(', ')}`, ...wrong];
    return new BundleError('VOLUME_MISSING', lines.join('\n  '), {
      hint: `looked in ${folders.join(', ')}; copy them there, or name further directories with --volumes`,
    });
  }
  if (wrong.length === 0) return undefined;
  const says = wrong.length === 1 ? String(wrong[0]) : `volumes of ${set} are damaged:\n  ${wrong.join('\n  ')}`;
  return new BundleError('BUNDLE_DAMAGED', says, { hint: 'copy these volumes again from where they were made' });
}

async function readParts(given: string | undefined, name: string, folders: readonly string[]): Promise<PartsJson | undefined> {
  const candidates = given === undefined ? folders.map((folder) => join(folder, name + partsSuffix)) : [given];
  for (const file of candidates) {
    const size = await sizeOf(file);
    if (size !== undefined) return parseParts(file, size);
  }
  if (given === undefined) return undefined;
  throw new BundleError('FILE_UNREADABLE', `cannot read ${given}: there is no such file`);
}

async function parseParts(file: string, size: number): Promise<PartsJson> {
  if (size > longestParts) throw wrongParts(file, `it has ${size} bytes`);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new BundleError('FILE_UNREADABLE', `cannot read ${file}: ${String(cause)}`, { cause });
  });
  const parsed = PartsJson.safeParse(jsonValue(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw wrongParts(file, `it is wrong at ${issue?.path.join('.') || 'its top'}: ${issue?.message}`);
  }
  const { parts } = parsed.data;
  const sum = parts.reduce((total, part) => total + part.size, 0);
  if (sum !== parsed.data.size) throw wrongParts(file, `its parts have ${sum} bytes, the whole ${parsed.data.size}`);
  if (new Set(parts.map((part) => part.name)).size < parts.length) throw wrongParts(file, 'it names a volume twice');
  return parsed.data;
}

function wrongParts(file: string, why: string): BundleError {
  return new BundleError('BUNDLE_INVALID', `${file} does not describe volumes: ${why}`, {
    hint: 'copy it again, or leave it away: the volumes are found by their numbers too',
  });
}

/** A set that was renamed is found too: the numbers stay. */
async function listedVolumes(parts: PartsJson, name: string, folders: readonly string[]): Promise<VolumeSet> {
  const found = new Map<string, FoundVolume>();
  for (const part of parts.parts) {
    const number = /\.\d+$/.exec(part.name)?.[0] ?? '';
    const volume = await locate([part.name, name + number], part.size, folders);
    if (volume !== undefined) found.set(part.name, { ...volume, sha256: part.sha256 });
  }
  const problem = volumeProblem(name, parts.parts, found, folders);
  if (problem !== undefined) throw problem;
  return { name, volumes: [...found.values()], whole: { size: parts.size, bundleJson: parts.bundleJson } };
}

/** Of several copies the first that has the right size, else the first. */
async function locate(names: readonly string[], size: number, folders: readonly string[]): Promise<FoundVolume | undefined> {
  let other: FoundVolume | undefined;
  for (const path of folders.flatMap((folder) => [...new Set(names)].map((name) => join(folder, name)))) {
    const held = await sizeOf(path);
    if (held === size) return { path, size: held };
    if (held !== undefined) other ??= { path, size: held };
  }
  return other;
}

/** Without parts.json: all that are called `shop.tar.<number>`. A gap in the numbers is a volume that is missing. */
async function numberedVolumes(name: string, folders: readonly string[]): Promise<VolumeSet | undefined> {
  const found = new Map<string, FoundVolume>();
  for (const path of await pathsIn(folders)) {
    const size = isNumbered(basename(path), name) ? await sizeOf(path) : undefined;
    if (size !== undefined && !found.has(basename(path))) found.set(basename(path), { path, size });
  }
  const last = Math.max(0, ...[...found.keys()].map((file) => Number(file.slice(name.length + 1))));
  // One file that only looks like a volume is whole by itself: whatever reads it says so, or what else it is.
  if (last === 0 || (found.size === 1 && last !== 1)) return undefined;
  const names = Array.from({ length: last }, (_, index) => volumeName(name, index + 1));
  const expected = names.map((file) => ({ name: file, size: found.get(file)?.size ?? 0 }));
  const problem = volumeProblem(name, expected, found, folders);
  if (problem !== undefined) throw problem;
  return { name, volumes: names.flatMap((file) => found.get(file) ?? []) };
}

function isNumbered(file: string, name: string): boolean {
  return file.startsWith(`${name}.`) && /^(0\d\d|[1-9]\d{2,3})$/.test(file.slice(name.length + 1)) && !file.endsWith('.000');
}

/** What the volume with this number, from 1 on, is called. */
export function volumeName(name: string, number: number): string {
  return `${name}.${String(number).padStart(3, '0')}`;
}

/** All files of the folders, in their order. The first is the path's own: where it is not there, the path is not either. */
async function pathsIn([own = '.', ...further]: readonly string[]): Promise<string[]> {
  const lists = [(await readdir(own).catch(() => [])).map((file) => join(own, file))];
  for (const folder of further) {
    const files = await readdir(folder).catch((cause: unknown) => {
      throw new BundleError('FILE_UNREADABLE', `cannot read the directory ${folder}: ${String(cause)}`, { cause });
    });
    lists.push(files.map((file) => join(folder, file)));
  }
  return lists.flat();
}

/** Bytes of a file; `undefined` when there is none. */
async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? undefined : found.size;
}
