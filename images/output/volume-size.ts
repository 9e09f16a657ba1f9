import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { fat32Limit } from './output-disk.ts';

/** What a medium takes as one file, in bytes. */
const media: Readonly<Record<string, number>> = {
  fat32: fat32Limit,
  dvd: 4_700_372_992,
  'dvd-dl': 8_543_666_176,
  bd: 25_025_314_816,
};

const units: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** Smaller volumes would be more files than anybody wants to carry. */
const smallest = 1e6;

/** The value of `--volume-size` in bytes: `fat32`, `dvd`, `4GB` (decimal), `700MiB` (binary). Throws USAGE_INVALID. */
export function parseVolumeSize(text: string): number {
  const medium = media[text.toLowerCase()];
  if (medium !== undefined) return medium;
  const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text.trim()) ?? [];
  const bytes = Math.floor(Number(amount) * (units[unit.toLowerCase()] ?? Number.NaN));
  if (amount !== '' && bytes >= smallest && Number.isSafeInteger(bytes)) return bytes;
  const why = amount !== '' && bytes < smallest ? 'is less than 1MB' : 'is no size';
  throw new BundleError('USAGE_INVALID', `--volume-size ${text} ${why}`, {
    hint: `write ${Object.keys(media).join(', ')}, or a number with its unit, such as 4GB or 700MiB`,
  });
}
