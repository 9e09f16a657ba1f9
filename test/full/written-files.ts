import assert from 'node:assert/strict';
import { watch } from 'node:fs';
import { copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type CliOptions, type CliRun, runCli } from '../src/cli.ts';
import { sha256Of } from '../src/workshop.ts';

/** sha256 of each file of a bundle that has its name, by name. */
export type Written = Readonly<Record<string, string>>;

const isOurs = (name: string): boolean => /^shop\.tar(\.\d{3}|\.parts\.json|\.sha256)?$/.test(name);

/** What stands under the names of `shop.tar`, or of its volumes. */
export async function writtenFiles(folder: string): Promise<Written> {
  const names = (await readdir(folder)).filter(isOurs).sort();
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await sha256Of(join(folder, name))] as const)));
}

/** Puts them aside, to have them back as often as it takes. */
export async function keepFiles(folder: string, kept: string): Promise<void> {
  await mkdir(join(folder, kept), { recursive: true });
  for (const name of (await readdir(folder)).filter(isOurs)) await copyFile(join(folder, name), join(folder, kept, name));
}

/** Has back what was put aside, and nothing else. */
export async function restoreFiles(folder: string, kept: string): Promise<void> {
  for (const name of await readdir(folder)) if (name.startsWith('shop.tar')) await rm(join(folder, name));
  for (const name of await readdir(join(folder, kept))) await copyFile(join(folder, kept, name), join(folder, name));
}

/** Whoever reads what stands there finds one bundle, that of before or the new one, or is told that it is none. */
export async function assertOldOrWhole(
  folder: string,
  { old, whole }: { readonly old: Written; readonly whole: Written },
): Promise<void> {
  const found = await writtenFiles(folder);
  if (isDeepStrictEqual(found, old) || isDeepStrictEqual(found, whole)) return;
  // Several files cannot change at once. As long as they do, nothing takes them for one bundle.
  assert.ok(Object.keys(whole).length > 1, `half a bundle: ${JSON.stringify(found)}`);
  const verified = await runCli(['verify', 'shop.tar'], { folder });
  if (verified.code !== 0) return assert.match(verified.stderr, /\[(BUNDLE_(INVALID|DAMAGED)|VOLUME_MISSING|FILE_UNREADABLE)\]/);
  const volumes = Object.entries(found).filter(([name]) => /\.\d{3}$/.test(name));
  assert.ok(
    [old, whole].some((one) => volumes.every(([name, sum]) => one[name] === sum)),
    'parts of two bundles pass for one',
  );
}

/** Runs a command, and `act` once its first `.partial` is there. */
export async function runWatched(
  args: readonly string[],
  options: CliOptions,
  act: (kill: () => void) => Promise<void>,
): Promise<CliRun> {
  const written = Promise.withResolvers<void>();
  const watcher = watch(options.folder, (_, name) => void (name?.endsWith('.partial') && written.resolve()));
  const onStart: CliOptions['onStart'] = (child) => void written.promise.then(() => act(() => child.kill('SIGKILL')));
  try {
    return await runCli(args, { ...options, onStart });
  } finally {
    watcher.close();
  }
}

/** How long a command writes, from its first `.partial` to its end. */
export async function writingTime(
  args: readonly string[],
  options: CliOptions,
): Promise<{ readonly run: CliRun; readonly ms: number }> {
  let startedAt = performance.now();
  const run = await runWatched(args, options, async () => {
    startedAt = performance.now();
  });
  return { run, ms: performance.now() - startedAt };
}

/** Kills a command so long after it began to write. */
export function runKilledWriting(args: readonly string[], options: CliOptions, afterMs: number): Promise<CliRun> {
  return runWatched(args, options, async (kill) => {
    await sleep(afterMs);
    kill();
  });
}
