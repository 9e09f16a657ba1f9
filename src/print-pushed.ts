import type { PushReport } from '../images/push-bundle.ts';
import type { Format } from './commands/format-option.ts';
import { printJson, table } from './print-table.ts';
import { formatBytes } from './progress.ts';

/** Prints what a push did: an image or chart a line, then the sum. */
export function printPushed(report: PushReport, format: Format): void {
  if (format === 'json') {
    printJson(report);
    return;
  }
  process.stdout.write(table(report.items.map(({ outcome, local }) => [outcome, local])));
  const of = (outcome: string): number => report.items.filter((item) => item.outcome === outcome).length;
  const kept = of('kept') === 0 ? '' : `, ${of('kept')} kept as they were`;
  process.stderr.write(
    `${report.items.length} images and charts: ${of('pushed')} pushed, ${of('present')} present${kept}; ${formatBytes(report.bytesPushed)} sent\n`,
  );
}
