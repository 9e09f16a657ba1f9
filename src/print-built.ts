import type { BuiltBundle } from './build-bundle.ts';
import { isStdout } from './check-output.ts';
import type { Format } from './commands/format-option.ts';
import { count, printJson } from './print-table.ts';
import { formatBytes } from './progress.ts';

/** Prints what was built: `shop.tar: 1 chart, 6 images, 61.4 MB, every digest verified`; on stderr where stdout is the bundle itself. */
export function printBuilt(built: BuiltBundle, format: Format): void {
  if (isStdout(built.output)) {
    process.stderr.write(format === 'json' ? `${JSON.stringify(built)}\n` : `stdout: ${summary(built)}\n`);
    return;
  }
  if (format === 'json') {
    printJson(built);
    return;
  }
  process.stdout.write(`${built.output}: ${summary(built)}\n`);
}

function summary({ charts, images, size, volumes, reused, absent }: BuiltBundle): string {
  const parts = volumes === undefined ? '' : ` in ${count(volumes, 'volume')}`;
  const earlier = reused === 0 ? '' : ` (${formatBytes(reused)} from earlier bundles)`;
  const left =
    absent === undefined
      ? ''
      : `; a delta to ${absent.base}, without ${count(absent.blobs, 'blob')} (${formatBytes(absent.bytes)}) that it has`;
  return `${count(charts, 'chart')}, ${count(images, 'image')}, ${formatBytes(size)}${parts}${earlier}, every digest verified${left}`;
}
