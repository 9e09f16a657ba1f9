import { Option } from 'commander';

/** `--no-cache`: `DIOLKOS_CACHE=off` for one command line; `src/main.ts` sees to it. */
export function noCacheOption(): Option {
  return new Option(
    '--no-cache',
    'survey every chart anew, also what did not change since an earlier run (as does DIOLKOS_CACHE=off)',
  );
}
