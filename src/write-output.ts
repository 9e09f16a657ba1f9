import type { BundleLayout } from '../images/bundle/bundle-layout.ts';
import { streamBundle } from '../images/output/bundle-stream.ts';
import { type WriteEvent, type WriteOptions, writeBundle } from '../images/output/bundle-writer.ts';
import { exists } from '../images/output/output-disk.ts';
import { isStdout } from './check-output.ts';
import { count } from './print-table.ts';
import { formatBytes, type Progress } from './progress.ts';
import { writeStdout } from './write-stdout.ts';

/** How the bundle is to lie on the disk. */
export interface OutputShape {
  /** Most bytes of a volume; without it one file is written. */
  readonly volumeSize?: number;
  /** Checksums beside the one file too. */
  readonly sums?: boolean;
}

interface OutputOptions extends OutputShape, Pick<WriteOptions, 'sources' | 'signal' | 'sign' | 'transfers'> {
  readonly progress: Progress;
}

/** Writes the bundle to a file, to volumes, or to stdout for `-`, and tells how far it is. Throws as `writeBundle` and `writeStdout`. */
export async function writeOutput(
  layout: BundleLayout,
  output: string,
  options: OutputOptions,
): Promise<{ readonly volumes?: number }> {
  const { progress, ...rest } = options;
  const shown = { ...rest, onEvent: showWrite(progress) };
  if (isStdout(output)) {
    await streamBundle(layout, writeStdout, shown);
    return {};
  }
  await writeBundle(layout, output, shown);
  if (options.volumeSize === undefined) {
    if (await exists(`${output}.001`))
      progress.say(
        `${output}.001 and the other volumes are of an earlier build and were left as they were: what was built now is ${output}`,
      );
    return {};
  }
  if (await exists(output))
    progress.say(`${output} itself is of an earlier build and was left as it was: what was built now are volumes`);
  return { volumes: Math.ceil(layout.size / options.volumeSize) };
}

function showWrite(progress: Progress): (event: WriteEvent) => void {
  let total = 0;
  let done = 0;
  return (event) => {
    if (event.type === 'planned') total = event.bytes;
    if (event.type === 'resumed') sayResumed(progress, event, total);
    if (event.type === 'left') sayLeft(progress, event);
    if (event.type !== 'progress') return;
    done += event.bytes;
    progress.bytes(done, total);
  };
}

function sayResumed(progress: Progress, { blobs, bytes }: WriteEvent & { readonly type: 'resumed' }, total: number): void {
  progress.say(
    `continued: ${formatBytes(bytes)} of ${formatBytes(total)} are there from an earlier run, ${count(blobs, 'whole blob')} proven`,
  );
}

function sayLeft(progress: Progress, { bytes, size, files }: WriteEvent & { readonly type: 'left' }): void {
  progress.say(
    `run the same build again to continue: ${formatBytes(bytes)} of ${formatBytes(size)} are there; to begin anew, delete ${files.join(', ')}`,
  );
}
