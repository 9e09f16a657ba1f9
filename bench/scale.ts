/**
 * Does anything grow with the bundle? Build, verify and push of bundles from a registry that makes up its blobs, into one that forgets
 * them: many bytes, then many blobs. Usage: `npm run bench:scale -- [1x200 5x200 20x200 2x2000 2x20000]`, each GB x blobs.
 */
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hostArchitecture } from '../build/go-program.ts';
import { helm4Binary } from '../build/helm.ts';
import { type Arena, openArena, stageFolder } from './arena.ts';
import { compileProgram } from './compile-program.ts';
import { type EndlessSize, startEndless, writeEndlessSpec } from './endless-registry.ts';
import { type Figures, measure } from './measure.ts';

interface Row {
  readonly size: EndlessSize;
  readonly archiveBytes: number;
  readonly stages: Readonly<Record<string, Figures>>;
}

interface Bench {
  readonly arena: Arena;
  readonly program: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

async function benchSize(size: EndlessSize, bench: Bench): Promise<Row> {
  const { folder } = await stageFolder(bench.arena, 'scale');
  const server = await startEndless(size, bench);
  try {
    await writeEndlessSpec(folder, server);
    const stages: Record<string, Figures> = {};
    for (const [name, args] of Object.entries(commands)) stages[name] = await run(args, server.pid, folder, bench);
    return { size, archiveBytes: (await stat(join(folder, 'bundle.tar'))).size, stages };
  } finally {
    server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const commands: Readonly<Record<string, readonly string[]>> = {
  build: ['build', 'bundle.yaml', '--output', 'bundle.tar'],
  verify: ['verify', 'bundle.tar'],
  push: ['push', 'bundle.tar', '--site', 'site.yaml'],
  'push again': ['push', 'bundle.tar', '--site', 'site.yaml'],
};

async function run(args: readonly string[], server: number, folder: string, bench: Bench): Promise<Figures> {
  const { env } = await stageFolder(bench.arena, 'scale');
  const logFile = join(bench.arena.scratch, 'scale.log');
  const archives = args[0] === 'build' ? [join(folder, 'bundle.tar')] : [];
  const stage = { commands: [[...bench.program, ...args]], archives };
  return await measure(stage, { env: { ...env, ...bench.env }, folder, logFile, servers: [server], signal: bench.signal });
}

function table(rows: readonly Row[]): string {
  const head = ['bundle', 'blobs', 'stage', 'wall s', 'MB/s', 'CPU s', 'CPU s/GB', 'RSS MB', 'written', 'foreign cores'];
  const lines = rows.flatMap(({ size, archiveBytes, stages }) =>
    Object.entries(stages).map(([name, figures]) => [
      `${(archiveBytes / 1e9).toFixed(2)} GB`,
      String(size.blobs),
      name,
      (figures.wallMs / 1e3).toFixed(1),
      (archiveBytes / 1e3 / figures.wallMs).toFixed(0),
      (figures.cpuMs / 1e3).toFixed(1),
      (figures.cpuMs / 1e3 / (archiveBytes / 1e9)).toFixed(2),
      (figures.peakMemoryBytes / 1e6).toFixed(0),
      (figures.writtenBytes / archiveBytes).toFixed(3),
      figures.foreignCores.toFixed(2),
    ]),
  );
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ options: { scratch: { type: 'string' } }, allowPositionals: true });
  const sizes = (positionals.length === 0 ? ['1x200', '5x200', '2x2000', '2x20000'] : positionals).map(parseSize);
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort(new Error(`stopped by ${name}`)));
  const { signal } = interrupt;
  const arena = await openArena({ scratch: values.scratch, registryStorage: undefined });
  try {
    const bench: Bench = {
      arena,
      program: [process.execPath, await compileProgram(join(arena.scratch, 'program'))],
      env: { DIOLKOS_HELM: await helm4Binary(hostArchitecture, { signal }) },
      signal,
    };
    const rows: Row[] = [];
    for (const size of sizes) {
      rows.push(await benchSize(size, bench));
      process.stderr.write(table(rows.slice(-1)));
    }
    process.stdout.write(table(rows));
  } finally {
    await arena.remove();
  }
}

function parseSize(text: string): EndlessSize {
  const [, gigabytes, blobs] = /^(\d+(?:\.\d+)?)x(\d+)$/.exec(text) ?? [];
  if (gigabytes === undefined || blobs === undefined) throw new Error(`"${text}" is no size, such as 5x200: 5 GB in 200 blobs`);
  return { gigabytes: Number(gigabytes), blobs: Number(blobs) };
}

await main();
