import { parseArgs } from 'node:util';

/** What a run of the benchmark was asked for. */
export interface BenchOptions {
  /** Factor on the size of every layer. Default 1: 1.19 GB. */
  readonly scale: number;
  /** Each figure is the best of so many. Default 3. */
  readonly rounds: number;
  /** Where archives and temporary files go, on the disk to be measured. Default the system's folder for temporary files. */
  readonly scratch: string | undefined;
  /** Where the registries keep their blobs. Default memory (`/dev/shm`) where there is such a thing, else the scratch folder. */
  readonly registryStorage: string | undefined;
  /** How long each stage waits, in seconds, for other programs to leave the processors alone. Default 20. */
  readonly patience: number;
  readonly format: 'text' | 'json';
}

export const usage = `Usage: node bench/transport.ts [--scale <factor>] [--rounds <n>] [--patience <seconds>] [--scratch <folder>]
                               [--registry-storage <folder>] [--format text|json]
`;

/** Parses the command line. Throws TypeError or RangeError with a sentence for the user. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scale: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '3' },
      patience: { type: 'string', default: '20' },
      scratch: { type: 'string' },
      'registry-storage': { type: 'string' },
      format: { type: 'string', default: 'text' },
    },
  });
  const { scale, rounds, patience, scratch, 'registry-storage': registryStorage, format } = values;
  if (format !== 'text' && format !== 'json') throw new RangeError('--format is text or json');
  if (!(Number(scale) > 0 && Number(scale) <= 4)) throw new RangeError('--scale is a factor above 0 and up to 4');
  if (!(Number.isInteger(Number(rounds)) && Number(rounds) > 0)) throw new RangeError('--rounds is a whole number above 0');
  if (!(Number(patience) >= 0)) throw new RangeError('--patience is a number of seconds');
  return { scale: Number(scale), rounds: Number(rounds), patience: Number(patience), scratch, registryStorage, format };
}
