import { isStdout } from './check-output.ts';
import type { Format } from './commands/format-option.ts';
import type { MergedBundle } from './merge-bundles.ts';
import { count, printJson } from './print-table.ts';
import { formatBytes } from './progress.ts';

/** Prints what was merged: `all.tar: platform 2.0, 2 releases, 9 images, 250 MB`; on stderr where stdout is the bundle itself. */
export function printMerged(merged: MergedBundle, format: Format): void {
  if (format === 'json' && !isStdout(merged.output)) {
    printJson(merged);
    return;
  }
  const { output, name, version, releases, images, size, volumes } = merged;
  const parts = volumes === undefined ? '' : ` in ${count(volumes, 'volume')}`;
  const text = `${output}: ${name} ${version}, ${count(releases, 'release')}, ${count(images, 'image')}, ${formatBytes(size)}${parts}\n`;
  if (isStdout(output)) process.stderr.write(format === 'json' ? `${JSON.stringify(merged)}\n` : text);
  else process.stdout.write(text);
}
