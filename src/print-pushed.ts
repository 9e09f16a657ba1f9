import type { PushReport } from '../images/push/push-bundle.ts';
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
  const attached = report.attached.length === 0 ? '' : `; ${attachedWords(report.attached)}`;
  process.stderr.write(
    `${report.items.length} images and charts: ${of('pushed')} pushed, ${of('present')} present${kept}${attached}; ${formatBytes(report.bytesPushed)} sent\n`,
  );
}

/** Whose tag was kept is named: the registry has other signatures there. */
function attachedWords(attached: PushReport['attached']): string {
  const kept = attached.filter(({ outcome }) => outcome === 'kept').map(({ local }) => local);
  const words = `${attached.length} ${attached.length === 1 ? 'artifact that refers' : 'artifacts that refer'} to them`;
  return kept.length === 0 ? words : `${words}, of which the registry keeps its own under ${kept.join(', ')}`;
}
