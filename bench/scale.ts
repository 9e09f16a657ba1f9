/**
 * Does anything grow with the bundle? Build, verify and push of bundles from a registry that makes up its blobs, into one that forgets
 * them: many bytes, then many blobs. Usage: `npm run bench:scale -- [1x200 5x200 20x200 2x2000 2x20000]`, each GB x blobs.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { hostArchitecture } from '../build/go-program.ts';
import { helm4Binary } from '../build/helm.ts';
import { type Arena, openArena, stageFolder } from './arena.ts';
import { compileProgram } from './compile-program.ts';
import { goSource } from './go-source.ts';
import { type Figures, measure } from './measure.ts';

/** Layers of one image. */
const layersEach = 20;

const Ready = z.object({
  host: z.string(),
  bytes: z.number(),
  images: z.array(z.object({ repository: z.string(), digest: z.string() })),
});
type Ready = z.infer<typeof Ready>;

interface Size {
  readonly gigabytes: number;
  readonly blobs: number;
}

interface Row {
  readonly size: Size;
  readonly archiveBytes: number;
  readonly stages: Readonly<Record<string, Figures>>;
}

interface Bench {
  readonly arena: Arena;
  readonly registry: string;
  readonly program: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

async function benchSize(size: Size, bench: Bench): Promise<Row> {
  const { folder } = await stageFolder(bench.arena, 'scale');
  const images = Math.max(1, Math.round(size.blobs / layersEach));
  const layerBytes = Math.round((size.gigabytes * 1e9) / (images * layersEach));
  const server = spawn(bench.registry, [images, layersEach, layerBytes].map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const ready = await readyOf(server);
    await writeDocuments(folder, ready);
    const stages: Record<string, Figures> = {};
    for (const [name, args] of Object.entries(commands)) stages[name] = await run(args, server.pid ?? 0, folder, bench);
    return { size, archiveBytes: (await stat(join(folder, 'bundle.tar'))).size, stages };
  } finally {
    server.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}

const commands: Readonly<Record<string, readonly string[]>> = {
  build: ['build', 'bundle.yaml', '--output', 'bundle.tar'],
  verify: ['verify', 'bundle.tar'],
  push: ['push', 'bundle.tar', '--site', 'site.yaml'],
  'push again': ['push', 'bundle.tar', '--site', 'site.yaml'],
};

async function readyOf(server: ChildProcess): Promise<Ready> {
  if (server.stdout === null) throw new Error('the registry has no output');
  const [line] = await once(createInterface(server.stdout), 'line');
  return Ready.parse(JSON.parse(line));
}

async function run(args: readonly string[], server: number, folder: string, bench: Bench): Promise<Figures> {
  const { env } = await stageFolder(bench.arena, 'scale');
  const logFile = join(bench.arena.scratch, 'scale.log');
  const archives = args[0] === 'build' ? [join(folder, 'bundle.tar')] : [];
  const stage = { commands: [[...bench.program, ...args]], archives };
  return await measure(stage, { env: { ...env, ...bench.env }, folder, logFile, servers: [server], signal: bench.signal });
}

/** A chart without an image: all come by name. */
async function writeDocuments(folder: string, { host, images }: Ready): Promise<void> {
  await mkdir(join(folder, 'chart/templates'), { recursive: true });
  await writeFile(join(folder, 'chart/Chart.yaml'), JSON.stringify({ apiVersion: 'v2', name: 'empty', version: '1.0.0' }));
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'empty' } };
  await writeFile(join(folder, 'chart/templates/object.yaml'), JSON.stringify(object));
  const spec = {
    apiVersion: 'diolkos.dev/v1',
    kind: 'Bundle',
    metadata: { name: 'endless', version: '1.0.0' },
    target: { kubernetes: ['1.36'], platforms: ['linux/amd64'] },
    installer: 'none',
    sources: { images: [{ host, plainHttp: true }] },
    releases: [{ name: 'empty', namespace: 'empty', chart: { path: 'chart' } }],
    images: { extra: images.map(({ repository, digest }) => `${host}/${repository}@${digest}`) },
  };
  await writeFile(join(folder, 'bundle.yaml'), JSON.stringify(spec));
  const site = { apiVersion: 'diolkos.dev/v1', kind: 'Site', registry: { host, prefix: 'forgotten', plainHttp: true } };
  await writeFile(join(folder, 'site.yaml'), JSON.stringify(site));
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
      registry: await goSource('endless', { signal }),
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

function parseSize(text: string): Size {
  const [, gigabytes, blobs] = /^(\d+(?:\.\d+)?)x(\d+)$/.exec(text) ?? [];
  if (gigabytes === undefined || blobs === undefined) throw new Error(`"${text}" is no size, such as 5x200: 5 GB in 200 blobs`);
  return { gigabytes: Number(gigabytes), blobs: Number(blobs) };
}

await main();
