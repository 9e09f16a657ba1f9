/**
 * What diolkos finds and rewrites in real charts, against lists made by reading the charts (`bench/coverage/*.json`), with both majors of
 * helm. Usage: `npm run coverage -- <folder> [--only <chart>]...`, where the packed charts are; `docs/coverage.md` says what the columns mean.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { goProgram, hostArchitecture } from '../build/go-program.ts';
import { helm4Binary } from '../build/helm.ts';
import { helm3 } from '../test/world/machine/programs.ts';
import { openArena } from './arena.ts';
import { compileProgram } from './compile-program.ts';
import { type Coverage, coverChart, type Programs, Truth } from './cover-chart.ts';

const truths = join(import.meta.dirname, 'coverage');

const head = [
  ...['chart', 'used', 'hard-coded', 'gated', 'declared', 'runtime', 'pods found', 'hidden found', 'gated found', 'false'],
  ...['rewrite', 'foreign', 'renders', 's', 'Helm 3'],
];

function cellsOf({
  truth,
  classes,
  missed,
  missedGated,
  wrong,
  rewrite,
  foreign,
  renders,
  seconds,
  helm3: other,
}: Coverage): string[] {
  const total = (all: readonly string[], lost: readonly string[]): string =>
    `${all.length - all.filter((reference) => lost.includes(reference)).length} of ${all.length}`;
  return [
    `${truth.chart} ${truth.version}`,
    ...['used', 'hard-coded', 'gated', 'declared', 'runtime'].map((name) => String(classes[name] ?? 0)),
    total(truth.pods, missed),
    total(truth.hidden, missed),
    total(
      truth.gated.map(({ reference }) => reference),
      missedGated,
    ),
    String(wrong.length),
    rewrite,
    String(foreign.length),
    String(renders),
    seconds.toFixed(1),
    other.length === 0 ? 'same' : `${other.length} other`,
  ];
}

function rowOf(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** Sums of the columns that have any: `3 of 4` adds up as such. */
function totalsOf(rows: readonly (readonly string[])[]): string[] {
  return head.map((_, column) => {
    const cells = rows.map((row) => row[column] ?? '');
    if (column === 0) return `**${rows.length} charts**`;
    const pairs = cells.flatMap((cell) => /^(\d+) of (\d+)$/.exec(cell)?.slice(1, 3).map(Number) ?? []);
    const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
    if (pairs.length > 0)
      return `${sum(pairs.filter((_one, index) => index % 2 === 0))} of ${sum(pairs.filter((_one, index) => index % 2 === 1))}`;
    if (cells.every((cell) => /^[\d.]+$/.test(cell))) return String(Math.round(sum(cells.map(Number))));
    return `${cells.filter((cell) => cell === 'proven' || cell === 'same').length} ${head[column] === 'rewrite' ? 'proven' : 'same'}`;
  });
}

function differencesIn({ missed, missedGated, wrong, foreign, helm3: other }: Coverage): string[] {
  return [
    ...missed.map((text) => `missed ${text}`),
    ...missedGated.map((text) => `gated and missed ${text}`),
    ...wrong.map((text) => `false ${text}`),
    ...foreign.map((text) => `foreign after the rewrite: ${text}`),
    ...other.map((text) => `Helm 3: ${text}`),
  ];
}

type Line = readonly [cells: readonly string[], differences: readonly string[]];

async function lineOf(truth: Truth, programs: Programs): Promise<Line> {
  try {
    const row = await coverChart(truth, programs);
    return [cellsOf(row), differencesIn(row)];
  } catch (error) {
    programs.signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    return [[`${truth.chart} ${truth.version}`, 'failed'], [reason]];
  }
}

/** Prints the rows in the order of `truths`, two charts at a time. */
async function printRows(wanted: readonly Truth[], programs: Programs): Promise<void> {
  const rows: (readonly string[])[] = [];
  const lines = wanted.map(() => Promise.withResolvers<Line>());
  const entries = wanted.entries();
  const work = async (): Promise<void> => {
    for (const [index, truth] of entries) await lineOf(truth, programs).then(lines[index]?.resolve, lines[index]?.reject);
  };
  const workers = Promise.all([work(), work()]);
  for (const [index, { promise }] of lines.entries()) {
    const [cells, differences] = await promise;
    rows.push(cells);
    process.stdout.write(`${rowOf(cells)}\n`);
    for (const text of differences) process.stderr.write(`${wanted[index]?.file}: ${text}\n`);
  }
  await workers;
  process.stdout.write(`${rowOf(totalsOf(rows.filter(({ length }) => length === head.length)))}\n`);
}

/** The lists whose charts are in the folder; says which are not. */
async function readTruths(charts: string, only: readonly string[]): Promise<Truth[]> {
  const there = new Set(await readdir(charts));
  const names = (await readdir(truths)).sort().filter((name) => only.length === 0 || only.includes(name.replace(/\.json$/, '')));
  const wanted = await Promise.all(
    names.map(async (name) => Truth.parse(JSON.parse(await readFile(join(truths, name), 'utf8')))),
  );
  const absent = wanted.filter(({ file }) => !there.has(`${file}.tgz`));
  for (const { file } of absent) process.stderr.write(`not in the folder: ${file}.tgz\n`);
  return wanted.filter((each) => !absent.includes(each));
}

async function main(charts: string, only: readonly string[], signal: AbortSignal): Promise<void> {
  const wanted = await readTruths(charts, only);
  const arena = await openArena({ scratch: undefined, registryStorage: undefined });
  try {
    const cli = [process.execPath, await compileProgram(join(arena.scratch, 'program'))];
    const helms = {
      helm4: await helm4Binary(hostArchitecture),
      helm3: join(await goProgram(helm3, hostArchitecture), helm3.name),
    };
    process.stdout.write(`${rowOf(head)}\n${rowOf(head.map(() => '---'))}\n`);
    await printRows(wanted, { cli, ...helms, charts: resolve(charts), scratch: arena.scratch, signal });
  } finally {
    await arena.remove();
  }
}

const { positionals, values } = parseArgs({ allowPositionals: true, options: { only: { type: 'string', multiple: true } } });
const [folder, ...rest] = positionals;
if (folder === undefined || rest.length > 0) {
  process.stderr.write('Usage: node bench/coverage.ts <folder with the packed charts> [--only <chart>]...\n');
  process.exitCode = 64;
} else {
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort(new Error('stopped by SIGINT')));
  await main(folder, values.only ?? [], interrupt.signal);
}
