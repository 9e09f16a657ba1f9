/**
 * What diolkos finds and rewrites in real charts, against lists made by reading the charts (`bench/coverage/*.json`), with both majors of
 * helm. Usage: `npm run coverage -- <folder> [--only <chart>]...`, where the packed charts are; `docs/coverage.md` says what the columns mean.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { attempt } from '../build/command.ts';
import { goProgram, hostArchitecture } from '../build/go-program.ts';
import { helm4Binary } from '../build/helm.ts';
import { ImagesReport } from '../bundle-spec/images-report.ts';
import { helm3 } from '../test/world/machine/programs.ts';
import { openArena } from './arena.ts';
import { compileProgram } from './compile-program.ts';

/** What a person found in one chart; references in canonical form. */
const Truth = z.strictObject({
  chart: z.string(),
  version: z.string(),
  /** Name of the packed chart in the folder, without `.tgz`. */
  file: z.string(),
  /** Values that the chart does not render without. */
  values: z.record(z.string(), z.unknown()).optional(),
  /** Images of pods as deployed with default values. */
  pods: z.array(z.string()),
  /** References that stand only in arguments, variables, payloads and custom resources as deployed. */
  hidden: z.array(z.string()),
  /** Images that the chart names and that render only when something is switched on, and what. */
  gated: z.array(z.strictObject({ reference: z.string(), gate: z.string() })),
  /** References that are right to report and right to leave out: they count in no column. */
  optional: z.array(z.string()).optional(),
  notes: z.string().optional(),
});
type Truth = z.infer<typeof Truth>;

interface Row {
  readonly truth: Truth;
  readonly classes: Readonly<Record<string, number>>;
  readonly missed: readonly string[];
  readonly missedGated: readonly string[];
  readonly wrong: readonly string[];
  readonly rewrite: string;
  readonly renders: number;
  readonly seconds: number;
  /** What Helm 3 shows otherwise. */
  readonly helm3: string;
}

interface Programs {
  readonly cli: readonly string[];
  readonly helms: readonly string[];
  readonly charts: string;
  readonly scratch: string;
  readonly signal: AbortSignal;
}

const truths = join(import.meta.dirname, 'coverage');

async function coverChart(truth: Truth, { cli, helms, charts, scratch, signal }: Programs): Promise<Row> {
  const chart = join(charts, `${truth.file}.tgz`);
  const valuesFile = join(scratch, `${truth.file}.values.yaml`);
  await writeFile(valuesFile, JSON.stringify(truth.values ?? {}));
  const values = ['--values', valuesFile];
  const [four, three] = await Promise.all(
    helms.map(async (helm) => {
      const options = { env: { ...process.env, DIOLKOS_HELM: helm, DIOLKOS_CACHE: 'off' }, signal };
      const images = await attempt([...cli, 'images', chart, ...values, '--format', 'json'], options);
      const rewrite = await attempt([...cli, 'rewrite', chart, ...values, '--registry', 'registry.internal:5000'], options);
      const report = ImagesReport.safeParse(images.code === 0 ? JSON.parse(images.stdout) : undefined);
      return { chart: report.data?.charts[0], failure: images.stderr, rewrite };
    }),
  );
  if (four?.chart === undefined) throw new Error(four?.failure.trim());
  const found = new Map(four.chart.images.map((image) => [image.reference, image.class]));
  const deployed = [...truth.pods, ...truth.hidden];
  const known = new Set([...deployed, ...truth.gated.map(({ reference }) => reference), ...(truth.optional ?? [])]);
  const isShown = (reference: string, ...classes: readonly string[]): boolean => classes.includes(found.get(reference) ?? '');
  return {
    truth,
    classes: Object.fromEntries([...Map.groupBy(found.values(), (name) => name)].map(([name, all]) => [name, all.length])),
    missed: deployed.filter((reference) => !isShown(reference, 'used', 'hard-coded')),
    missedGated: truth.gated.flatMap(({ reference }) => (isShown(reference, 'used', 'hard-coded', 'gated') ? [] : [reference])),
    wrong: [...found].flatMap(([reference, name]) =>
      name === 'declared' || name === 'runtime' || known.has(reference) ? [] : [`${reference} (${name})`],
    ),
    rewrite:
      four.rewrite.code === 0 ? 'proven' : (/(\d+) references? (?:is|are) not proven/.exec(four.rewrite.stderr)?.[0] ?? 'failed'),
    renders: four.chart.renders,
    seconds: four.chart.seconds,
    helm3: differenceOf(four.chart.images, three?.chart?.images ?? []),
  };
}

type Images = readonly { readonly reference: string; readonly class: string; readonly rewritable: string }[];

function differenceOf(four: Images, three: Images): string {
  const textOf = (image: Images[number]): string => `${image.reference} ${image.class} ${image.rewritable}`;
  const [left, right] = [four.map(textOf), three.map(textOf)];
  const different = [...left.filter((text) => !right.includes(text)), ...right.filter((text) => !left.includes(text))];
  return different.length === 0 ? 'same' : different.join('; ');
}

function formatRow({ truth, classes, missed, missedGated, wrong, rewrite, renders, seconds, helm3: other }: Row): string {
  const count = (name: string): string => String(classes[name] ?? 0);
  const total = (all: readonly unknown[], lost: readonly unknown[]): string => `${all.length - lost.length} of ${all.length}`;
  const cells = [
    `${truth.chart} ${truth.version}`,
    ...['used', 'hard-coded', 'gated', 'declared'].map(count),
    total([...truth.pods, ...truth.hidden], missed),
    total(truth.gated, missedGated),
    String(wrong.length),
    rewrite,
    String(renders),
    seconds.toFixed(1),
    other,
  ];
  return `| ${cells.join(' | ')} |`;
}

function differencesIn({ missed, missedGated, wrong }: Row): string[] {
  return [
    ...missed.map((text) => `missed ${text}`),
    ...missedGated.map((text) => `gated and missed ${text}`),
    ...wrong.map((text) => `false ${text}`),
  ];
}

const head = [
  ...[
    'chart',
    'used',
    'hard-coded',
    'gated',
    'declared',
    'deployed found',
    'gated found',
    'false',
    'rewrite',
    'renders',
    's',
    'Helm 3',
  ],
];

type Line = readonly [row: string, differences: readonly string[]];

async function lineOf(truth: Truth, programs: Programs): Promise<Line> {
  try {
    const row = await coverChart(truth, programs);
    return [formatRow(row), differencesIn(row)];
  } catch (error) {
    programs.signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    return [
      `| ${[`${truth.chart} ${truth.version}`, 'failed', ...Array<string>(head.length - 2).fill('')].join(' | ')} |`,
      [reason],
    ];
  }
}

/** Prints the rows in the order of `truths`, two charts at a time. */
async function printRows(wanted: readonly Truth[], programs: Programs): Promise<void> {
  const lines = wanted.map(() => Promise.withResolvers<Line>());
  const entries = wanted.entries();
  const work = async (): Promise<void> => {
    for (const [index, truth] of entries) await lineOf(truth, programs).then(lines[index]?.resolve, lines[index]?.reject);
  };
  const workers = Promise.all([work(), work()]);
  for (const [index, { promise }] of lines.entries()) {
    const [row, differences] = await promise;
    process.stdout.write(`${row}\n`);
    for (const text of differences) process.stderr.write(`${wanted[index]?.file}: ${text}\n`);
  }
  await workers;
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
    const cli = [process.execPath, await compileProgram(join(arena.scratch, 'program'), { signal })];
    const helms = [await helm4Binary(hostArchitecture), join(await goProgram(helm3, hostArchitecture), helm3.name)];
    process.stdout.write(`| ${head.join(' | ')} |\n| ${head.map(() => '---').join(' | ')} |\n`);
    await printRows(wanted, { cli, helms, charts: resolve(charts), scratch: arena.scratch, signal });
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
