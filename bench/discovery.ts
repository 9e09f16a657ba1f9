/**
 * Finding and proving the images of every chart in a folder, as whole processes: without gates, with gates, and once more with nothing
 * changed. Usage: `npm run bench:discovery -- <folder>`; `docs/benchmarks.md` says what the figures mean.
 */
import { readdir, readFile } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { hostArchitecture } from '../build/go-program.ts';
import { helm4Binary } from '../build/helm.ts';
import { ImagesReport } from '../bundle-spec/images-report.ts';
import { openArena, stageFolder } from './arena.ts';
import { compileProgram } from './compile-program.ts';
import { measure } from './measure.ts';

const usage = `Usage: node bench/discovery.ts <folder> [--format text|json]
The folder holds charts, packed (name.tgz) or as folders, each with its values in name.values.yaml where it needs any.
`;

/** What one run of `diolkos images` took. */
interface Run {
  readonly seconds: number;
  readonly peakMemoryMb: number;
  readonly renders: number;
  readonly foreignCores: number;
}

/** One chart, all three runs. */
interface Row {
  readonly chart: string;
  readonly version: string;
  readonly images: number;
  readonly gated: number;
  /** Finding and proving what renders as deployed. */
  readonly deployed: Run;
  /** The same and everything behind gates. */
  readonly gates: Run;
  /** Once more, nothing changed. */
  readonly again: Run;
}

interface Bench {
  readonly program: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly signal: AbortSignal;
}

async function benchChart(file: string, bench: Bench): Promise<Row> {
  const values = `${file.replace(/\.tgz$/, '')}.values.yaml`;
  const args = [file, ...((await isThere(values)) ? ['--values', values] : []), '--format', 'json'];
  const deployed = await runImages([...args, '--no-gates', '--no-cache'], bench);
  const gates = await runImages(args, bench);
  const again = await runImages(args, bench);
  const [chart] = gates.report.charts;
  const classes = (chart?.images ?? []).map((image) => image.class);
  return {
    chart: chart?.name ?? file,
    version: chart?.version ?? '',
    images: classes.filter((found) => found === 'used' || found === 'hard-coded').length,
    gated: classes.filter((found) => found === 'gated').length,
    deployed: deployed.run,
    gates: gates.run,
    again: again.run,
  };
}

async function runImages(args: readonly string[], { program, env, folder, signal }: Bench) {
  const output = join(folder, 'report.json');
  const command = ['/bin/sh', '-c', 'exec "$@" >"$REPORT"', 'sh', ...program, 'images', ...args];
  const options = { env: { ...env, REPORT: output }, folder, logFile: join(folder, 'bench.log'), servers: [], signal };
  const figures = await measure({ commands: [command], archives: [] }, options);
  const report = ImagesReport.parse(JSON.parse(await readFile(output, 'utf8')));
  const run: Run = {
    seconds: figures.wallMs / 1e3,
    peakMemoryMb: figures.peakMemoryBytes / 1e6,
    renders: report.charts.reduce((sum, { renders }) => sum + renders, 0),
    foreignCores: figures.foreignCores,
  };
  return { report, run };
}

function formatRows(rows: readonly Row[]): string {
  const head = [
    'chart',
    'images',
    'gated',
    'renders',
    's',
    'MB',
    'renders, gates',
    's, gates',
    'MB, gates',
    's, again',
    'foreign cores',
  ];
  const cells = rows.map(({ chart, version, images, gated, deployed, gates, again }) => [
    `${chart} ${version}`,
    String(images),
    String(gated),
    String(deployed.renders),
    deployed.seconds.toFixed(2),
    deployed.peakMemoryMb.toFixed(0),
    String(gates.renders),
    gates.seconds.toFixed(2),
    gates.peakMemoryMb.toFixed(0),
    again.seconds.toFixed(2),
    Math.max(deployed.foreignCores, gates.foreignCores, again.foreignCores).toFixed(2),
  ]);
  const [processor] = cpus();
  const machine = `- machine: ${cpus().length} x ${processor?.model.trim()}, Linux ${release()}, Node ${process.version}`;
  const table = [head, head.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`);
  return `${machine}\n\n${table.join('\n')}\n`;
}

async function chartsIn(folder: string): Promise<string[]> {
  const charts: string[] = [];
  for (const name of (await readdir(folder)).sort()) {
    if (name.endsWith('.tgz') || (await isThere(join(folder, name, 'Chart.yaml')))) charts.push(name);
  }
  return charts;
}

async function isThere(file: string): Promise<boolean> {
  return readFile(file).then(
    () => true,
    () => false,
  );
}

async function main(charts: string, format: string, signal: AbortSignal): Promise<void> {
  const files = await chartsIn(charts);
  if (files.length === 0) throw new RangeError(`no chart in ${charts}`);
  const arena = await openArena({ scratch: undefined, registryStorage: undefined });
  try {
    const program = [process.execPath, await compileProgram(join(arena.scratch, 'program'))];
    const helm = await helm4Binary(hostArchitecture, { signal });
    const rows: Row[] = [];
    for (const name of files) {
      const { folder, env } = await stageFolder(arena, name);
      const row = await benchChart(join(resolve(charts), name), { program, env: { ...env, DIOLKOS_HELM: helm }, folder, signal });
      process.stderr.write(`${name}: ${row.deployed.seconds.toFixed(2)} s, with gates ${row.gates.seconds.toFixed(2)} s\n`);
      rows.push(row);
    }
    process.stdout.write(format === 'json' ? `${JSON.stringify(rows, undefined, 2)}\n` : formatRows(rows));
  } finally {
    await arena.remove();
  }
}

async function cli(): Promise<void> {
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupt.abort(new Error(`stopped by ${signal}`)));
  }
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { format: { type: 'string', default: 'text' } } });
  const [charts, ...rest] = positionals;
  if (charts === undefined || rest.length > 0 || !/^(?:text|json)$/.test(values.format)) {
    process.stderr.write(usage);
    process.exitCode = 64;
    return;
  }
  try {
    await main(charts, values.format, interrupt.signal);
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : error}\n`);
    process.exitCode = interrupt.signal.aborted ? 130 : 1;
  }
}

await cli();
