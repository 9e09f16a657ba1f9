import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../build/command.ts';
import { type Arena, stageFolder } from './arena.ts';
import { imagesHeld } from './check-target.ts';
import type { Contestant } from './contestants/contestant.ts';
import { type Distribution, startDistribution } from './distribution.ts';
import { type Figures, measure, type Stage } from './measure.ts';
import { cpuOfMachine } from './proc.ts';
import type { SeededSet } from './seed-registry.ts';

/** Fewer busy cores than this are a machine at rest. */
const calmCores = 0.15;

/** What one contestant did in one round. */
export interface Round {
  readonly build: Figures;
  readonly push: Figures;
  /** The same push again, into the registry that has it all. */
  readonly pushAgain: Figures | undefined;
  /** Bytes of all archives together. */
  readonly archiveBytes: number;
  /** Images whose every manifest the target holds by digest. */
  readonly imagesHeld: number | undefined;
}

export interface RoundOptions {
  readonly arena: Arena;
  readonly source: Distribution;
  readonly registryBinary: string;
  readonly set: SeededSet;
  /** In seconds, see `BenchOptions`. */
  readonly patience: number;
  readonly signal: AbortSignal;
}

/** One contestant carries the set once: build, forget all but the archives, push into an empty registry. */
export async function playRound(contestant: Contestant, options: RoundOptions): Promise<Round> {
  const { arena, source, set, signal } = options;
  const name = contestant.name.replaceAll(/\W+/g, '-');
  const { folder } = await stageFolder(arena, name);
  try {
    const stage = await contestant.build(set, folder);
    const build = await timed(contestant, stage, name, source, options);
    const archiveBytes = await keepOnly(stage.archives, folder);
    const target = await startDistribution(options.registryBinary, arena.registryStorage, {
      tls: set.tls,
      ...logOf(arena),
      signal,
    });
    try {
      const pushStage = await contestant.push(set, folder, target.host);
      const push = await timed(contestant, pushStage, name, target, options);
      if (!contestant.pushesImages) return { build, push, archiveBytes, pushAgain: undefined, imagesHeld: undefined };
      const pushAgain = await timed(contestant, pushStage, name, target, options);
      return { build, push, pushAgain, archiveBytes, imagesHeld: await imagesHeld(set, contestant, target.host, { signal }) };
    } finally {
      await target.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function timed(
  contestant: Contestant,
  stage: Stage,
  name: string,
  server: Distribution,
  { arena, set, patience, signal }: RoundOptions,
): Promise<Figures> {
  const { folder, env } = await stageFolder(arena, name);
  await quiet(patience, signal);
  await warmMemory(3 * set.size, signal);
  const logFile = join(arena.scratch, `${name}.log`);
  return await measure(stage, { env: { ...env, ...contestant.env }, folder, logFile, servers: [server.pid], signal });
}

/** Lets the disk finish what others left it to write, and waits a while for other programs to pause. */
async function quiet(patience: number, signal: AbortSignal): Promise<void> {
  await run(['sync'], { signal });
  const deadline = performance.now() + patience * 1e3;
  for (let calm = false; !calm; ) {
    const [busy, since] = [cpuOfMachine(), performance.now()];
    await sleep(500, undefined, { signal });
    const now = performance.now();
    calm = now > deadline || (cpuOfMachine() - busy) / (now - since) < calmCores;
  }
}

/**
 * Touches so much memory and gives it back. A virtual machine lends memory that nobody uses to its host, and getting it back costs
 * more than all that is measured here: without this, whoever came after a pause paid for it.
 */
async function warmMemory(bytes: number, signal: AbortSignal): Promise<void> {
  const piece = 256 << 20;
  const touch = `const kept = []; for (let n = ${Math.ceil(bytes / piece)}; n > 0; n -= 1) kept.push(Buffer.alloc(${piece}, 1));`;
  await run([process.execPath, '-e', touch], { signal });
}

async function keepOnly(archives: readonly string[], folder: string): Promise<number> {
  for (const entry of await readdir(folder)) {
    const path = join(folder, entry);
    if (!archives.includes(path)) await rm(path, { recursive: true, force: true });
  }
  const sizes = await Promise.all(archives.map(async (archive) => (await stat(archive)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function logOf({ scratch }: Arena): { readonly logFile: string } {
  return { logFile: join(scratch, 'registry.log') };
}
