import type { BuiltBundle } from './build-bundle.ts';
import type { Format } from './commands/format-option.ts';
import { count, printJson } from './print-table.ts';
import { formatBytes } from './progress.ts';

/** Prints what was built: `shop.tar: 1 chart, 6 images, 61.4 MB, every digest verified`. */
export function printBuilt(built: BuiltBundle, format: Format): void {
  if (format === 'json') {
    printJson(built);
    return;
  }
  const { charts, images, size } = built;
  process.stdout.write(
    `${built.output}: ${count(charts, 'chart')}, ${count(images, 'image')}, ${formatBytes(size)}, every digest verified\n`,
  );
}
