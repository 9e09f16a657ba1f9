/**
 * Build and push of a made-up set of images, as whole processes on loopback: diolkos, tools of others and the floor, in one run.
 * Usage: `npm run bench -- [--set large] [--scale 0.05] [--rounds 3] [--tls]`; `docs/benchmarks.md` says what the figures mean.
 */
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { goProgram, hostArchitecture } from '../build/go-program.ts';
import { registry as registryProgram } from '../test/world/machine/programs.ts';
import { type Arena, openArena } from './arena.ts';
import type { Contestant } from './contestants/contestant.ts';
import { diolkos } from './contestants/diolkos.ts';
import { floor } from './contestants/floor.ts';
import { peers } from './contestants/peers.ts';
import { startDistribution } from './distribution.ts';
import { type BenchOptions, parseOptions, usage } from './options.ts';
import { formatReport, type Report, type Score } from './report.ts';
import { playRound, type Round } from './rounds.ts';
import { seedRegistry } from './seed-registry.ts';

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => interrupt.abort(new Error(`stopped by ${signal}`)));

async function main(options: BenchOptions, signal: AbortSignal): Promise<Report> {
  const registryBinary = join(await goProgram(registryProgram, hostArchitecture, { signal }), registryProgram.name);
  const arena = await openArena(options);
  try {
    const contestants = [
      await floor({ signal }),
      await diolkos(join(arena.scratch, 'program'), { signal }),
      ...(await peers(options.peers, { signal })),
    ];
    const logFile = join(arena.scratch, 'source.log');
    const source = await startDistribution(registryBinary, arena.registryStorage, { tls: options.tls, logFile, signal });
    try {
      say('making images');
      const set = await seedRegistry(source.host, { set: options.set, scale: options.scale, tls: options.tls, signal });
      const play = (contestant: Contestant) =>
        playRound(contestant, { arena, source, registryBinary, set, patience: options.patience, signal });
      const scores = await playAll(contestants, options.rounds, play);
      return { machine: machine(arena, options), images: set.images.length, blobs: set.blobs.length, bytes: set.size, scores };
    } finally {
      await source.stop();
    }
  } finally {
    await arena.remove();
  }
}

/** Rounds are interleaved, so that a disturbance meets all contestants alike. */
async function playAll(
  contestants: readonly Contestant[],
  rounds: number,
  play: (contestant: Contestant) => Promise<Round>,
): Promise<Score[]> {
  const played = new Map<Contestant, Round[]>(contestants.map((contestant) => [contestant, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const contestant of contestants) {
      const result = await play(contestant);
      played.get(contestant)?.push(result);
      const [build, push] = [result.build, result.push].map(({ wallMs }) => (wallMs / 1e3).toFixed(2));
      say(`round ${round}: ${contestant.name} built in ${build} s, pushed in ${push} s`);
    }
  }
  return contestants.map((contestant) => ({
    name: contestant.name,
    version: contestant.version,
    rounds: played.get(contestant) ?? [],
  }));
}

function machine(arena: Arena, { tls }: BenchOptions): Record<string, string> {
  const [processor] = cpus();
  return {
    machine: `${cpus().length} x ${processor?.model.trim()}, Linux ${release()}`,
    registries: `distribution ${registryProgram.version}, ${tls ? 'TLS' : 'plain http'}, blobs ${arena.storageInMemory ? 'in memory' : 'on the disk'}`,
  };
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function cli(): Promise<void> {
  let options: BenchOptions;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    say(`error: ${error instanceof Error ? error.message : error}\n${usage}`);
    process.exitCode = 64;
    return;
  }
  try {
    const report = await main(options, interrupt.signal);
    process.stdout.write(options.format === 'json' ? `${JSON.stringify(report, undefined, 2)}\n` : formatReport(report));
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    say(String(interrupt.signal.reason));
    process.exitCode = 130;
  }
}

await cli();
