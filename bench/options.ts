import { parseArgs } from 'node:util';
import { peerNames } from './contestants/peers.ts';
import type { SetName } from './image-set.ts';

/** What a run of the benchmark was asked for. */
export interface BenchOptions {
  /** Which images. Default `small`. */
  readonly set: SetName;
  /** Factor on the size of every layer. Default 1: 1.2 GB or 8.4 GB. */
  readonly scale: number;
  /** Each figure is the best of so many. Default 3. */
  readonly rounds: number;
  /** Where archives and temporary files go, on the disk to be measured. Default the system's folder for temporary files. */
  readonly scratch: string | undefined;
  /** Where the registries keep their blobs. Default memory (`/dev/shm`) where there is such a thing, else the scratch folder. */
  readonly registryStorage: string | undefined;
  /** Registries speak TLS. Default false. */
  readonly tls: boolean;
  /** Which tools take part besides the floor and diolkos, by the names of `bench/contestants`. Default those that are there or can be built. */
  readonly peers: readonly string[] | undefined;
  /** How long each stage waits, in seconds, for other programs to leave the processors alone. Default 20. */
  readonly patience: number;
  readonly format: 'text' | 'json';
}

export const usage = `Usage: node bench/transport.ts [--set small|large] [--scale <factor>] [--rounds <n>] [--patience <seconds>] [--scratch <folder>]
                               [--registry-storage <folder>] [--tls] [--peers <name,…>] [--format text|json]
`;

/** Parses the command line. Throws TypeError or RangeError with a sentence for the user. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      set: { type: 'string', default: 'small' },
      scale: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '3' },
      patience: { type: 'string', default: '20' },
      scratch: { type: 'string' },
      'registry-storage': { type: 'string' },
      tls: { type: 'boolean', default: false },
      peers: { type: 'string' },
      format: { type: 'string', default: 'text' },
    },
  });
  const { set, scale, rounds, patience, scratch, tls, peers, 'registry-storage': registryStorage, format } = values;
  if (set !== 'small' && set !== 'large') throw new RangeError('--set is small or large');
  if (format !== 'text' && format !== 'json') throw new RangeError('--format is text or json');
  if (!(Number(scale) > 0 && Number(scale) <= 4)) throw new RangeError('--scale is a factor above 0 and up to 4');
  if (!(Number.isInteger(Number(rounds)) && Number(rounds) > 0)) throw new RangeError('--rounds is a whole number above 0');
  if (!(Number(patience) >= 0)) throw new RangeError('--patience is a number of seconds');
  const chosen = peers?.split(',').filter((name) => name !== '');
  const unknown = chosen?.find((name) => !peerNames.includes(name));
  if (unknown !== undefined) throw new RangeError(`--peers takes ${peerNames.join(', ')}, and not "${unknown}"`);
  return {
    set,
    scale: Number(scale),
    rounds: Number(rounds),
    patience: Number(patience),
    scratch,
    registryStorage,
    tls,
    peers: chosen,
    format,
  };
}
