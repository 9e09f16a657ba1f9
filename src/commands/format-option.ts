import { Option } from 'commander';

export type Format = 'text' | 'json';

/** `--format text|json`, the same on every command: what goes to stdout; messages always go to stderr. */
export function formatOption(): Option {
  return new Option('--format <format>', 'what to print on stdout').choices(['text', 'json']).default('text');
}
