import type { Command } from 'commander';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { noCacheOption } from './cache-option.ts';
import { type Format, formatOption } from './format-option.ts';
import { volumesOption } from './volumes-option.ts';

interface BuildFlags {
  readonly output: string;
  readonly locked: boolean;
  readonly base?: string;
  readonly reuse: readonly string[];
  readonly volumes: readonly string[];
  readonly volumeSize?: string;
  readonly sha256sums: boolean;
  readonly format: Format;
}

function refuseShape({ output, volumeSize, sha256sums }: BuildFlags): void {
  if (output !== '-' || (volumeSize === undefined && !sha256sums)) return;
  throw new BundleError('USAGE_INVALID', 'stdout is one stream: it has neither volumes nor a file with checksums beside it', {
    hint: 'leave out --volume-size and --sha256sums, or give -o a file',
  });
}

const more = (file: string, before: readonly string[]): readonly string[] => [...before, file];

/** `diolkos build`: a spec goes in, one tar and its lock come out. */
export function addBuild(root: Command, signal: AbortSignal): void {
  root
    .command('build')
    .description('find every image of the charts, pull images and charts into one tar, prove that nothing is missing')
    .argument('<spec>', 'the spec, such as bundle.yaml')
    .requiredOption('-o, --output <file>', 'the tar to write; it has this name only when it is whole; - is stdout')
    .option('--volume-size <size>', 'write volumes of at most this size: dvd, dvd-dl, bd, fat32, or such as 4GB, 700MiB')
    .option('--sha256sums', 'write <output>.sha256 for sha256sum -c; costs one more read (volumes always have it)', false)
    .option('--locked', 'take every digest from the lock beside the spec, resolve nothing anew', false)
    .option('--base <file>', 'leave out what the other side has: an earlier bundle, its lock, or the report of a site')
    .option(
      '--reuse <file>',
      'an earlier bundle to take blobs from; may be repeated; the file to replace is one by itself',
      more,
      [],
    )
    .addOption(volumesOption())
    .addOption(noCacheOption())
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
Examples:
  $ diolkos build bundle.yaml -o shop.tar            # writes shop.tar, and bundle.lock.yaml beside the spec
  $ diolkos build bundle.yaml -o shop.tar --locked   # the same bytes again, from that lock
  $ diolkos build bundle.yaml -o shop.tar --volume-size dvd      # shop.tar.001, shop.tar.002, … and shop.tar.parts.json
  $ diolkos build bundle.yaml -o new.tar --reuse shop.tar        # only what is new is pulled
  $ diolkos build bundle.yaml -o delta.tar --base shop.tar       # only what is new is in it; or --base old.lock.yaml
  $ diolkos build bundle.yaml -o - | ssh host 'cat > shop.tar'   # the same bytes, nothing kept here but the lock

What was interrupted continues: run the same build again. Until then shop.tar.partial holds what is there, and
shop.tar.partial.journal says what of it is whole; delete both to begin anew.`,
    )
    .action(async (spec: string, flags: BuildFlags) => {
      const { buildBundle } = await import('../build-bundle.ts');
      const { parseVolumeSize } = await import('../../images/output/volume-size.ts');
      const { printBuilt } = await import('../print-built.ts');
      const { withProgress } = await import('../progress.ts');
      const volumeSize = flags.volumeSize === undefined ? {} : { volumeSize: parseVolumeSize(flags.volumeSize) };
      refuseShape(flags);
      const { base, reuse, volumes, locked, sha256sums: sums } = flags;
      const options = { ...volumeSize, ...(base !== undefined && { base }), reuse, volumes, locked, sums, signal };
      const built = await withProgress((progress) => buildBundle(spec, flags.output, { ...options, progress }));
      printBuilt(built, flags.format);
    });
}
