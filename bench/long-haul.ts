/**
 * One large bundle on its whole way: built, killed, resumed, compared with a build to a pipe, verified, pushed twice, imported by
 * containerd, split into volumes, verified and pushed from these. Stages are deleted in order to fit the disk.
 * Usage: `npm run bench:long-haul -- [--gigabytes 20]`; needs twice as much disk, root, and containerd with ctr.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { attempt, run } from '../build/command.ts';
import { hostArchitecture } from '../build/go-program.ts';
import { helm4Binary } from '../build/helm.ts';
import { type Arena, openArena, stageFolder } from './arena.ts';
import { startChild } from './child.ts';
import { compileProgram } from './compile-program.ts';
import { startEndless, writeEndlessSpec } from './endless-registry.ts';
import { type Figures, measure } from './measure.ts';

interface Haul {
  readonly arena: Arena;
  readonly folder: string;
  readonly program: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly server: number;
  readonly bytes: number;
  readonly signal: AbortSignal;
}

const build = ['build', 'bundle.yaml', '--output', 'bundle.tar'];

async function travel(haul: Haul): Promise<void> {
  const { folder } = haul;
  const tar = join(folder, 'bundle.tar');
  await buildAndKill(haul, 0.4);
  say('build, resumed', await timed(haul, build), haul.bytes);
  const sum = await sumOf(createReadStream(tar));
  const piped = await sumOfPipe(haul);
  note(`sha256 of the resumed bundle ${sum}; of a build to a pipe ${piped}: ${sum === piped ? 'the same' : 'NOT THE SAME'}`);
  say('verify', await timed(haul, ['verify', 'bundle.tar']), haul.bytes);
  say('push', await timed(haul, ['push', 'bundle.tar', '--site', 'site.yaml']), haul.bytes);
  say('push again', await timed(haul, ['push', 'bundle.tar', '--site', 'site.yaml']), haul.bytes);
  await importByContainerd(haul, tar);
  const volumes = ['build', 'bundle.yaml', '--locked', '--reuse', 'bundle.tar', '--volume-size', '4GB', '--output', 'split.tar'];
  say('volumes of 4 GB, from the tar', await timed(haul, volumes), haul.bytes);
  await rm(tar);
  note(`volumes: ${(await readdir(folder)).filter((name) => name.startsWith('split.tar')).join(', ')}`);
  say('verify of the volumes', await timed(haul, ['verify', 'split.tar']), haul.bytes);
  const joined = (await readdir(folder)).filter((name) => /^split\.tar\.\d+$/.test(name)).sort();
  const whole = createHash('sha256');
  for (const name of joined) for await (const chunk of createReadStream(join(folder, name))) whole.update(chunk);
  note(`sha256 of the volumes joined ${whole.digest('hex')}`);
  say('push of the volumes, all there', await timed(haul, ['push', 'split.tar', '--site', 'site.yaml']), haul.bytes);
}

/** Kills a build once so much of the bundle is on the disk. */
async function buildAndKill({ arena, folder, program, env, bytes, signal }: Haul, fraction: number): Promise<void> {
  const { env: own } = await stageFolder(arena, 'haul');
  const options = { env: { ...own, ...env }, cwd: folder, logFile: join(arena.scratch, 'haul.log'), signal };
  const startedAt = performance.now();
  const child = await startChild([...program, ...build], options);
  const partial = join(folder, 'bundle.tar.partial');
  const onDisk = async () => ((await stat(partial).catch(() => undefined))?.blocks ?? 0) * 512;
  const ended = child.ended.then((code) => {
    throw new Error(`the build ended with ${code} before it could be killed; see ${options.logFile}`);
  });
  const far = (async () => {
    while ((await onDisk()) < bytes * fraction) await sleep(50, undefined, { signal });
  })();
  await Promise.race([far, ended]);
  ended.catch(() => undefined); // from here on it is meant to end
  await child.stop();
  note(
    `killed after ${((performance.now() - startedAt) / 1e3).toFixed(1)} s with ${((await onDisk()) / 1e9).toFixed(2)} GB on the disk`,
  );
}

async function timed({ arena, folder, program, env, server, signal }: Haul, args: readonly string[]): Promise<Figures> {
  const { env: own } = await stageFolder(arena, 'haul');
  const logFile = join(arena.scratch, 'haul.log');
  const stage = { commands: [[...program, ...args]], archives: [] };
  return await measure(stage, { env: { ...own, ...env }, folder, logFile, servers: [server], signal });
}

async function sumOfPipe({ arena, folder, program, env }: Haul): Promise<string> {
  const [command = '', ...args] = [...program, 'build', 'bundle.yaml', '--locked', '--output', '-'];
  const { env: own } = await stageFolder(arena, 'haul');
  const child = spawn(command, args, { cwd: folder, env: { ...own, ...env }, stdio: ['ignore', 'pipe', 'ignore'] });
  return await sumOf(child.stdout);
}

async function sumOf(stream: NodeJS.ReadableStream): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(stream, hash);
  return hash.digest('hex');
}

/** Into a containerd of its own, without unpacking: the layers are noise, and no tars. */
async function importByContainerd({ folder, signal }: Haul, tar: string): Promise<void> {
  const store = join(folder, 'containerd');
  const address = join(folder, 'c.sock');
  const places = ['--root', join(store, 'root'), '--state', join(store, 'state'), '--address', address];
  const daemon = spawn('containerd', places, { stdio: 'ignore' });
  const ctr = ['ctr', '--address', address, '--namespace', 'k8s.io', 'images'];
  try {
    for (let tries = 0; tries < 100 && (await attempt([...ctr, 'list'], { signal })).code !== 0; tries += 1) await sleep(100);
    const startedAt = performance.now();
    await run([...ctr, 'import', '--no-unpack', tar], { signal });
    const { stdout } = await run([...ctr, 'list', '--quiet'], { signal });
    note(
      `ctr images import --no-unpack: ${((performance.now() - startedAt) / 1e3).toFixed(1)} s, ${stdout.trim().split('\n').length} images`,
    );
  } finally {
    daemon.kill('SIGTERM');
    await new Promise((resolve) => daemon.once('exit', resolve));
    await rm(store, { recursive: true, force: true });
  }
}

function say(what: string, { wallMs, cpuMs, peakMemoryBytes, writtenBytes, foreignCores }: Figures, bytes: number): void {
  const figures = [
    `${(wallMs / 1e3).toFixed(1)} s`,
    `${(bytes / 1e3 / wallMs).toFixed(0)} MB/s`,
    `${(cpuMs / 1e3 / (bytes / 1e9)).toFixed(2)} CPU s/GB`,
    `${(peakMemoryBytes / 1e6).toFixed(0)} MB RSS`,
    `${(writtenBytes / bytes).toFixed(3)} written`,
    `${foreignCores.toFixed(2)} foreign cores`,
  ];
  note(`${what}: ${figures.join(', ')}`);
}

function note(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { scratch: { type: 'string' }, gigabytes: { type: 'string', default: '20' } } });
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort(new Error(`stopped by ${name}`)));
  const { signal } = interrupt;
  const arena = await openArena({ scratch: values.scratch, registryStorage: undefined });
  const registry = await startEndless({ gigabytes: Number(values.gigabytes), blobs: 200 }, { signal });
  try {
    const { folder } = await stageFolder(arena, 'haul');
    await writeEndlessSpec(folder, registry);
    const program = [process.execPath, await compileProgram(join(arena.scratch, 'program'))];
    const env = { DIOLKOS_HELM: await helm4Binary(hostArchitecture, { signal }) };
    await travel({ arena, folder, program, env, server: registry.pid, bytes: registry.bytes, signal });
  } finally {
    registry.stop();
    await arena.remove();
  }
}

await main();
