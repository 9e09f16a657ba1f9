import { Option } from 'commander';

/** `--volumes <dir>`, repeated: where the volumes of a bundle lie besides the folder of the one that is named. */
export function volumesOption(): Option {
  return new Option('--volumes <dir>', 'a further directory with volumes of the bundle; may be repeated')
    .argParser((directory: string, before: readonly string[]) => [...before, directory])
    .default([], 'none');
}
