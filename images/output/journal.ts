import { z } from 'zod';
import { Digest } from '../../bundle-spec/names.ts';
import { mostVolumes } from './output-volumes.ts';

/** A process that writes. */
export const Owner = z.strictObject({
  pid: z.int().positive(),
  host: z.string(),
  /** When the process began, in the kernel's ticks: tells a process from a later one with the same id. */
  started: z.string(),
  /** Of this one attempt: a process may write the same output twice. */
  token: z.string(),
});
export type Owner = z.infer<typeof Owner>;

/** What the lines behind it are about: a bundle planned to the byte, and the files that its bytes go to. */
export const Section = z
  .strictObject({
    /** Digest of the planned bundle.json. */
    layout: Digest,
    /** Bytes of the whole tar. */
    size: z.int().positive(),
    /** Most bytes of a volume; null for one file. */
    volume: z.int().positive().nullable(),
    /** Whether the file system can leave places unwritten. */
    holes: z.boolean(),
  })
  .refine(({ size, volume }) => volume === null || size / volume <= mostVolumes);
export type Section = z.infer<typeof Section>;

/** Bytes of a blob that are durable, from its first on. */
export const Kept = z.strictObject({
  blob: Digest,
  size: z.int().nonnegative(),
  /** Where its first byte lies in the tar. */
  at: z.int().nonnegative(),
  kept: z.int().nonnegative(),
});
export type Kept = z.infer<typeof Kept>;

const Line = z.union([
  z.strictObject({ owner: Owner }),
  z.strictObject({ released: z.string() }),
  z.strictObject({ section: Section }),
  /** The files of the section so far are being renamed, to make way for those of the next. */
  z.strictObject({ aside: z.literal(true) }),
  /** All is durable, and the files are being given their names. */
  z.strictObject({ publishing: z.literal(true) }),
  Kept,
]);
export type JournalLine = z.infer<typeof Line>;

/** A section as far as it got. */
export interface JournalSection extends Section {
  readonly aside: boolean;
  readonly publishing: boolean;
  readonly blobs: ReadonlyMap<Digest, Kept>;
}

export interface Journal {
  /** Who began and did not say that it ended, in the order of coming. */
  readonly owners: readonly Owner[];
  /** The last one is what the files beside the journal hold; the one before may have been set aside. */
  readonly sections: readonly JournalSection[];
}

/** What a journal says. Lines that are torn or strange are left out: whatever they said has to be proven anyway. */
export function parseJournal(text: string): Journal {
  let owners: Owner[] = [];
  const sections: (JournalSection & { readonly blobs: Map<Digest, Kept> })[] = [];
  for (const line of text.split('\n')) {
    const parsed = parseLine(line);
    if (parsed === undefined) continue;
    const last = sections.at(-1);
    if ('owner' in parsed) owners.push(parsed.owner);
    else if ('released' in parsed) owners = owners.filter(({ token }) => token !== parsed.released);
    else if ('section' in parsed) sections.push({ ...parsed.section, aside: false, publishing: false, blobs: new Map() });
    else if (last === undefined) continue;
    else if ('blob' in parsed) note(last, parsed);
    else sections[sections.length - 1] = { ...last, ...parsed };
  }
  return { owners, sections };
}

export function journalLine(line: JournalLine): string {
  return `${JSON.stringify(line)}\n`;
}

function note({ blobs, size }: { readonly blobs: Map<Digest, Kept>; readonly size: number }, line: Kept): void {
  const possible = line.kept <= line.size && line.at + line.size <= size;
  if (possible) blobs.set(line.blob, line);
}

function parseLine(text: string): JournalLine | undefined {
  if (text === '') return undefined;
  try {
    return Line.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
