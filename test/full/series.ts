import { randomInt } from 'node:crypto';
import type { TestContext } from 'node:test';
import { noise } from '../registries/sample-images.ts';
import { type CliOptions, type CliRun, runCli } from '../src/cli.ts';

/** `npm run test:full -- --sample`: a little of everything, for CI. */
export const isSample: boolean = process.env.DIOLKOS_SAMPLE !== undefined;

/** Random instants of a command's run that takes `durationMs`, in milliseconds. `DIOLKOS_SEED` repeats a series; the seed is printed. */
export function killInstants(t: TestContext, durationMs: number, { sample, full } = { sample: 3, full: 30 }): readonly number[] {
  const seed = process.env.DIOLKOS_SEED ?? String(randomInt(1_000_000));
  const count = isSample ? sample : full;
  t.diagnostic(`DIOLKOS_SEED=${seed} repeats these ${count} kills within ${Math.round(durationMs)} ms`);
  return Array.from({ length: count }, (_, index) => {
    const random = noise(`${seed} ${index}`, 4).readUInt32LE() / 2 ** 32;
    return Math.round(random * durationMs);
  });
}

/** Runs a command and kills it so many milliseconds after its start, or after another moment of it, as a power cut would. It may have ended before. */
export async function runKilled(
  args: readonly string[],
  options: CliOptions,
  afterMs: number,
  moment: Promise<void> = Promise.resolve(),
): Promise<CliRun> {
  let timer: NodeJS.Timeout | undefined;
  const onStart: CliOptions['onStart'] = async (child) => {
    await moment;
    timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  };
  const run = await runCli(args, { ...options, onStart });
  clearTimeout(timer);
  return run;
}
