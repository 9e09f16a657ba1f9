import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { Helm } from '../helm/helm.ts';
import { codeDigest } from './code-digest.ts';
import type { ReleaseSurvey, SurveyInput, SurveyOptions } from './survey-release.ts';
import { version } from './version.ts';

/** Entries that are kept, the ones used last; an older one than `longestDays` goes in any case. */
const mostEntries = 300;
const longestDays = 30;

/** What a cache entry holds: all of a survey but how it was made this time. */
export type StoredSurvey = Omit<ReleaseSurvey, 'renders' | 'seconds'>;

/** Surveys of earlier runs on disk, by the digest of all that they depend on. Whatever goes wrong with it, nothing is stored or found. */
export interface SurveyCache {
  load(key: string): Promise<StoredSurvey | undefined>;
  store(key: string, survey: StoredSurvey): Promise<void>;
}

/** The user's cache: `$XDG_CACHE_HOME/diolkos/surveys`, by default below `~/.cache`. `undefined` with `DIOLKOS_CACHE=off`, and for a user without a home. */
export function userCache(): SurveyCache | undefined {
  if (process.env.DIOLKOS_CACHE === 'off') return undefined;
  const { XDG_CACHE_HOME: named = '', HOME: home = '' } = process.env;
  const folder = isAbsolute(named) ? named : isAbsolute(home) ? join(home, '.cache') : undefined;
  return folder === undefined ? undefined : surveyCache(join(folder, 'diolkos/surveys'));
}

/** A cache in a folder, which only this user can read. */
export function surveyCache(folder: string): SurveyCache {
  return {
    load: async (key) => {
      const file = join(folder, key);
      const survey = readEntry(await readFile(file, 'utf8').catch(() => ''));
      const now = new Date();
      if (survey !== undefined) await utimes(file, now, now).catch(() => undefined);
      return survey;
    },
    store: async (key, survey) => {
      const partial = join(folder, `${key}.${process.pid}.partial`);
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await writeFile(partial, writeEntry(survey), { mode: 0o600 });
        await rename(partial, join(folder, key));
        await prune(folder);
      } catch {
        // A cache that cannot be written, as in a read-only home, is none.
        await rm(partial, { force: true }).catch(() => undefined);
      }
    },
  };
}

/** The digest of everything that a survey depends on: our own code, helm, the chart, all values, what is looked for. */
export function surveyKey(helm: Pick<Helm, 'version'>, input: SurveyInput, { gates }: Pick<SurveyOptions, 'gates'>): string {
  const { chart, profiles, ...rest } = input;
  const parts = [
    version,
    codeDigest(),
    helm.version,
    gates,
    chart.name,
    chart.version,
    chart.digest,
    [...profiles],
    sorted(rest),
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function sorted(fields: object): [string, unknown][] {
  return Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The digest of what follows, a line break, JSON. */
function writeEntry(survey: StoredSurvey): string {
  const body = JSON.stringify(survey);
  return `${digestText(body)}\n${body}`;
}

/** `undefined` for what `writeEntry` did not write, or not to its end. */
function readEntry(text: string): StoredSurvey | undefined {
  const end = text.indexOf('\n');
  const body = text.slice(end + 1);
  return end > 0 && digestText(body) === text.slice(0, end) ? JSON.parse(body) : undefined;
}

function digestText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

async function prune(folder: string): Promise<void> {
  const names = await readdir(folder);
  const entries = await Promise.all(
    names.map(async (name) => ({ path: join(folder, name), used: (await stat(join(folder, name))).mtimeMs })),
  );
  const oldest = Date.now() - longestDays * 24 * 60 * 60 * 1000;
  const kept = entries.toSorted((a, b) => b.used - a.used).slice(0, mostEntries);
  const gone = entries.filter((entry) => !kept.includes(entry) || entry.used < oldest);
  await Promise.all(gone.map(({ path }) => rm(path, { force: true })));
}
