import { constants } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Digest } from '../../bundle-spec/names.ts';
import type { Extent } from '../extent.ts';
import { syncDirectory } from './durable-file.ts';
import type { JournalSection } from './journal.ts';
import type { JournalFile } from './journal-file.ts';
import { exists } from './output-disk.ts';
import { OutputVolumes, openAll, outputFiles, partialName } from './output-volumes.ts';

/** What an interrupted build of another bundle left where this one is written: blobs to copy, which nothing vouches for yet. */
export interface EarlierPartial {
  readonly blobs: ReadonlyMap<Digest, readonly Extent[]>;
  close(): Promise<void>;
}

const asideName = (path: string): string => `${partialName(path)}.old`;

/** Renames the files of a section, so that others can take their names. Only what was being written last is kept, not what was before. */
export async function setAside(output: string, journal: JournalFile, section: JournalSection): Promise<void> {
  if (!section.aside) {
    for (const before of journal.found.sections) if (before.aside) await removeEarlier(output, before);
    await journal.append([{ aside: true }]);
  }
  for (const { path } of outputFiles(output, section.size, section.volume)) {
    if (await exists(partialName(path))) await rename(partialName(path), asideName(path));
  }
  await syncDirectory(dirname(output));
}

/** `undefined` when nothing of use is there. */
export async function openEarlier(output: string, section: JournalSection): Promise<EarlierPartial | undefined> {
  const files = outputFiles(output, section.size, section.volume);
  const paths = files.map(({ path }) => asideName(path));
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handles = await openAll(paths, flags).catch(() => undefined);
  if (handles === undefined) return undefined;
  const volumes = new OutputVolumes(files, handles);
  const whole = [...section.blobs].filter(([, { size, kept }]) => size === kept);
  return {
    blobs: new Map(whole.map(([digest, { at, size }]) => [digest, volumes.extents(at, size)])),
    close: () => volumes.close(),
  };
}

/** Removes what was set aside. */
export async function removeEarlier(output: string, { size, volume }: JournalSection): Promise<void> {
  for (const { path } of outputFiles(output, size, volume)) await rm(asideName(path), { force: true });
}
