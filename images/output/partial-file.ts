import { constants } from 'node:fs';
import { type FileHandle, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import type { Digest } from '../../bundle-spec/names.ts';
import { freeSpace, namingFailures } from './disk-failure.ts';
import { syncDirectory, writeDurably } from './durable-file.ts';
import { type EarlierPartial, openEarlier, removeEarlier, setAside } from './earlier-partial.ts';
import type { JournalSection, Kept, Section } from './journal.ts';
import { isNamed, type JournalFile, openJournal } from './journal-file.ts';
import { allocated, checkLimit, checkSpace, exists, holdsHoles, refuseDirectory } from './output-disk.ts';
import { type OutputFile, OutputVolumes, openAll, outputFiles, partialName } from './output-volumes.ts';
import { removeLeftovers } from './volume-leftovers.ts';

/** What is to be written: `holes` is found out here. */
export type Planned = Omit<Section, 'holes'>;

/** A small text beside the output, such as its checksums. */
export interface Beside {
  readonly path: string;
  readonly text: string;
}

/** The files that a bundle is written to under other names; they get their own when they are whole. */
export interface PartialFile {
  readonly files: readonly OutputFile[];
  readonly volumes: OutputVolumes;
  /** Places can be left unwritten, and be written in any order, without the file system filling them first. */
  readonly holes: boolean;
  /** What an earlier run says to have left, and what there is of it. Nothing of it is proven. */
  readonly kept: ReadonlyMap<Digest, Kept>;
  /** Bytes of unknown content may stand anywhere: every byte has to be written or proven. */
  readonly used: boolean;
  /** What was being written here before, when that was something else. */
  readonly earlier: EarlierPartial | undefined;
  /** Makes durable what was written, then says so of these blobs in the journal. */
  note(lines: readonly Kept[]): Promise<void>;
  /** Makes all bytes durable, then gives the files their names, replacing what had them, and writes what stands beside them. */
  publish(beside: readonly Beside[]): Promise<void>;
  /** What `leave` leaves, the journal last. */
  readonly leftFiles: readonly string[];
  /** Closes the files and leaves them for the next run. */
  leave(): Promise<void>;
  /** Closes and removes them. */
  discard(): Promise<void>;
}

const readWrite = constants.O_RDWR | constants.O_NOFOLLOW;

/** Says what of the partial files is durable, and who writes them. */
const journalName = (output: string): string => `${partialName(output)}.journal`;

/**
 * Opens `<output>.partial`, or that of each volume, and keeps every other process out of it until it is published, left or discarded.
 * What an earlier run left of the same bundle is taken up again; what it left of another is set aside as `earlier`. Throws
 * FILE_UNWRITABLE (also when another process is at work) and DISK_FULL, before anything large is written.
 */
export async function openPartial(output: string, planned: Planned): Promise<PartialFile> {
  const files = outputFiles(output, planned.size, planned.volume);
  return namingFailures(output, planned.size, async () => {
    await refuseDirectory(output);
    const journal = await openJournal(journalName(output), output);
    const opening = { output, planned, files, journal };
    try {
      const last = journal.found.sections.at(-1);
      const known = last !== undefined && !last.aside && isSame(last, planned) && (await isThere(last, files, output));
      if (known) return await resume(opening, last);
      return await begin(opening, last);
    } catch (error) {
      if (journal.found.sections.length === 0) await journal.remove();
      else await journal.close();
      throw error;
    }
  });
}

interface Opening {
  readonly output: string;
  readonly planned: Planned;
  readonly files: readonly OutputFile[];
  readonly journal: JournalFile;
}

function isSame(section: Section, planned: Planned): boolean {
  return section.layout === planned.layout && section.size === planned.size && section.volume === planned.volume;
}

/** Volumes that were just being given their names get back those they had, unless all of them had got theirs. */
async function isThere({ publishing }: JournalSection, files: readonly OutputFile[], output: string): Promise<boolean> {
  const ended = files.length === 1 || (await exists(`${output}.parts.json`));
  let found = false;
  for (const { path } of files) {
    const partial = await exists(partialName(path));
    if (!partial && publishing && !ended && (await exists(path))) await rename(path, partialName(path));
    found ||= partial;
  }
  return found;
}

async function resume(opening: Opening, section: JournalSection): Promise<PartialFile> {
  const { output, planned, files, journal } = opening;
  const handles = await openAll(
    files.map(({ path }) => partialName(path)),
    readWrite | constants.O_CREAT,
  );
  const volumes = new OutputVolumes(files, handles);
  try {
    const sizes = await Promise.all(handles.map(async (handle) => (await handle.stat()).size));
    const kept = keptBlobs(section, files, sizes);
    await checkSpace(output, planned.size, await allocated(handles));
    if (section.holes) await volumes.truncate();
    const before = journal.found.sections.at(-2);
    const earlier = before?.aside === true ? await openEarlier(output, before) : undefined;
    return partialFile(opening, { volumes, handles, holes: section.holes, kept, used: true, earlier });
  } catch (error) {
    await volumes.close();
    throw error;
  }
}

async function begin(opening: Opening, last: JournalSection | undefined): Promise<PartialFile> {
  const { output, planned, files, journal } = opening;
  if (last !== undefined) await setAside(output, journal, last);
  const paths = files.map(({ path }) => partialName(path));
  for (const path of paths) await rm(path, { force: true });
  const handles = await openAll(paths, readWrite | constants.O_CREAT | constants.O_EXCL);
  const volumes = new OutputVolumes(files, handles);
  try {
    const [first] = handles;
    const holes = first === undefined || (await holdsHoles(first));
    await checkLimit(output, files);
    const earlier = last === undefined ? undefined : await openRoomy(output, planned.size, last);
    await checkSpace(output, planned.size, 0);
    if (holes) await volumes.truncate();
    await journal.append([{ section: { ...planned, holes } }]);
    await syncDirectory(dirname(output));
    return partialFile(opening, { volumes, handles, holes, kept: new Map(), used: false, earlier });
  } catch (error) {
    await volumes.close();
    for (const path of paths) await rm(path, { force: true });
    throw error;
  }
}

/** What was set aside is worth less than the room it takes, where that is short. */
async function openRoomy(output: string, size: number, last: JournalSection): Promise<EarlierPartial | undefined> {
  const free = await freeSpace(output);
  if (free === undefined || free >= size) return openEarlier(output, last);
  await removeEarlier(output, last);
  return undefined;
}

/** What lies within the files as they are. */
function keptBlobs(section: JournalSection, files: readonly OutputFile[], sizes: readonly number[]): ReadonlyMap<Digest, Kept> {
  const isThere = ({ at, kept }: Kept): boolean =>
    files.every(({ position, size }, index) => {
      const end = Math.min(at + kept, position + size);
      return end <= Math.max(at, position) || end <= position + (sizes[index] ?? 0);
    });
  return new Map([...section.blobs].filter(([, kept]) => kept.kept > 0 && isThere(kept)));
}

interface Opened extends Pick<PartialFile, 'volumes' | 'holes' | 'kept' | 'used' | 'earlier'> {
  readonly handles: readonly FileHandle[];
}

function partialFile({ output, files, journal }: Opening, { handles, ...opened }: Opened): PartialFile {
  const { volumes, earlier } = opened;
  const close = async (): Promise<void> => {
    await volumes.close();
    await earlier?.close();
  };
  const discard = async (): Promise<void> => {
    await close();
    for (const { path } of files) await rm(partialName(path), { force: true });
    // What was set aside is worth keeping for the run that ends well.
    if (earlier === undefined) await journal.remove();
    else await journal.close();
  };
  return {
    ...opened,
    files,
    leftFiles: [...files.map(({ path }) => partialName(path)), journalName(output)],
    async note(lines) {
      await volumes.datasync();
      await journal.append(lines);
    },
    async publish(beside) {
      await volumes.sync();
      await refuseReplaced(output, files, handles, journal);
      await giveNames(output, files, journal, beside);
      await close();
      for (const section of journal.found.sections) await removeEarlier(output, section);
      await journal.remove();
    },
    async leave() {
      await close();
      await journal.close();
    },
    discard,
  };
}

async function giveNames(
  output: string,
  files: readonly OutputFile[],
  journal: JournalFile,
  beside: readonly Beside[],
): Promise<void> {
  await journal.append([{ publishing: true }]);
  // A checksum of what is being replaced must not outlive it.
  await removeLeftovers(output, files);
  await syncDirectory(dirname(output));
  for (const { path } of files) await rename(partialName(path), path);
  await syncDirectory(dirname(output));
  for (const { path, text } of beside) await writeDurably(path, text);
}

async function refuseReplaced(
  output: string,
  files: readonly OutputFile[],
  handles: readonly FileHandle[],
  journal: JournalFile,
): Promise<void> {
  const ours = await Promise.all(files.map(async ({ path }, index) => isNamed(handles[index], partialName(path))));
  if (ours.every(Boolean) && (await journal.isOurs())) return;
  throw new BundleError('FILE_UNWRITABLE', `another process replaced ${partialName(output)} while ${output} was written`);
}
