import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { attempt, type CommandOptions } from '../build/command.ts';
import { ImagesReport, type ReportedChart } from '../bundle-spec/images-report.ts';

/** What a person found in one chart; references in canonical form. */
export const Truth = z.strictObject({
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
export type Truth = z.infer<typeof Truth>;

/** What diolkos finds and rewrites in a chart, beside what is true. */
export interface Coverage {
  readonly truth: Truth;
  /** Images of each class. */
  readonly classes: Readonly<Record<string, number>>;
  readonly missed: readonly string[];
  readonly missedGated: readonly string[];
  readonly wrong: readonly string[];
  /** `proven`; else how many references are left, and whether the flags that the error names prove the rest. */
  readonly rewrite: string;
  /** Lines of the rewritten manifests with an image from elsewhere, by a search that knows nothing of how they were made. */
  readonly foreign: readonly string[];
  readonly renders: number;
  readonly seconds: number;
  /** What Helm 3 shows otherwise. */
  readonly helm3: readonly string[];
}

/** The compiled program and both majors of helm. */
export interface Programs {
  readonly cli: readonly string[];
  readonly helm4: string;
  readonly helm3: string;
  /** Folder of the packed charts. */
  readonly charts: string;
  readonly scratch: string;
  readonly signal: AbortSignal;
}

const target = 'registry.internal:5000';

/** Runs `images` with both majors and `rewrite` with Helm 4, and compares with the list. Throws when Helm 4 gives no report. */
export async function coverChart(truth: Truth, programs: Programs): Promise<Coverage> {
  const valuesFile = join(programs.scratch, `${truth.file}.values.yaml`);
  await writeFile(valuesFile, JSON.stringify(truth.values ?? {}));
  const args = [join(programs.charts, `${truth.file}.tgz`), '--values', valuesFile];
  const four = await readImages(args, programs.helm4, programs);
  const three = await readImages(args, programs.helm3, programs).catch((error: unknown) => String(error));
  const rewritten = await rewrite(args, programs);
  return {
    truth,
    ...compare(truth, four),
    rewrite: rewritten.verdict,
    foreign: foreignLines(rewritten.manifests, truth),
    renders: four.renders,
    seconds: four.seconds,
    helm3: typeof three === 'string' ? [three] : differencesOf(four, three),
  };
}

async function readImages(args: readonly string[], helm: string, { cli, signal }: Programs): Promise<ReportedChart> {
  const { code, stdout, stderr } = await attempt([...cli, 'images', ...args, '--format', 'json'], optionsOf(helm, signal));
  const [chart] = code === 0 ? ImagesReport.parse(JSON.parse(stdout)).charts : [];
  if (chart === undefined) throw new Error(stderr.trim());
  return chart;
}

function optionsOf(helm: string, signal: AbortSignal): CommandOptions {
  return { env: { ...process.env, DIOLKOS_HELM: helm, DIOLKOS_CACHE: 'off' }, signal };
}

function compare(truth: Truth, { images }: ReportedChart): Pick<Coverage, 'classes' | 'missed' | 'missedGated' | 'wrong'> {
  const found = new Map(images.map((image) => [image.reference, image.class]));
  const deployed = [...truth.pods, ...truth.hidden];
  const gated = truth.gated.map(({ reference }) => reference);
  const known = new Set([...deployed, ...gated, ...(truth.optional ?? [])]);
  const isFound = (reference: string, ...classes: readonly string[]): boolean => classes.includes(found.get(reference) ?? '');
  return {
    classes: Object.fromEntries([...Map.groupBy(found.values(), (name) => name)].map(([name, all]) => [name, all.length])),
    missed: deployed.filter((reference) => !isFound(reference, 'used', 'hard-coded')),
    missedGated: gated.filter((reference) => !isFound(reference, 'used', 'hard-coded', 'gated')),
    wrong: [...found].flatMap(([reference, name]) =>
      name === 'declared' || name === 'runtime' || known.has(reference) ? [] : [`${reference} (${name})`],
    ),
  };
}

function differencesOf({ images: four }: ReportedChart, { images: three }: ReportedChart): string[] {
  const textOf = (image: ReportedChart['images'][number]): string => `${image.reference} ${image.class} ${image.rewritable}`;
  const [left, right] = [four.map(textOf), three.map(textOf)];
  return [...left.filter((text) => !right.includes(text)), ...right.filter((text) => !left.includes(text))];
}

/** Where tags are asked for, any will do: no registry is. */
async function rewrite(
  args: readonly string[],
  { cli, helm4, signal }: Programs,
): Promise<{ verdict: string; manifests: string }> {
  const run = (...flags: readonly string[]) =>
    attempt([...cli, 'rewrite', ...args, '--registry', target, '--manifests', ...flags], optionsOf(helm4, signal));
  const first = await run();
  if (first.code === 0) return { verdict: 'proven', manifests: first.stdout };
  const left = /(\d+) references? (?:is|are) not proven/.exec(first.stderr)?.[1];
  const flags = [...first.stderr.matchAll(/--(extra|ignore) ([^\s;,]+)/g)];
  if (left === undefined || flags.length === 0) return { verdict: 'failed', manifests: '' };
  const second = await run(...flags.flatMap(([, flag, value = '']) => [`--${flag}`, value.replace(/:TAG$/, ':1')]));
  return {
    verdict: `${left} refused, ${second.code === 0 ? 'proven with the flags named' : 'still refused with the flags named'}`,
    manifests: second.stdout,
  };
}

/** `image:` lines with another registry, and any mention of a repository of the list that does not lie below the target. */
function foreignLines(manifests: string, truth: Truth): string[] {
  const names = [...truth.pods, ...truth.hidden].map((reference) => reference.replace(/@.*$/, '').replace(/:[^:/]*$/, ''));
  const foreign: string[] = [];
  for (const line of manifests.split('\n')) {
    if (/^\s*#/.test(line)) continue;
    const image = /^\s*(?:- )?image: *["']?([^\s"'{}]+[/:][^\s"'{}]*)["']?\s*$/.exec(line)?.[1];
    const isElsewhere = image !== undefined && !image.startsWith(`${target}/`);
    const isNamed = names.some((name) => line.replaceAll(`${target}/${name}`, '').includes(name));
    if (isElsewhere || isNamed) foreign.push(line.trim());
  }
  return foreign;
}
