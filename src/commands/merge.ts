import type { Command } from 'commander';
import { BundleError } from '../../bundle-spec/bundle-error.ts';
import { Name, Version } from '../../bundle-spec/names.ts';
import { type Format, formatOption } from './format-option.ts';
import { volumesOption } from './volumes-option.ts';

interface MergeFlags {
  readonly output: string;
  readonly as?: string;
  readonly volumeSize?: string;
  readonly sha256sums: boolean;
  readonly volumes: readonly string[];
  readonly format: Format;
}

/** `diolkos merge`: deltas with their base, or bundles of several names, become one bundle. */
export function addMerge(root: Command, signal: AbortSignal): void {
  root
    .command('merge')
    .description('join bundles and deltas into one whole bundle, without a registry')
    .argument('<bundle...>', 'the tars, a base before its delta; or a volume of each, such as shop.tar.001')
    .requiredOption('-o, --output <file>', 'the tar to write; it has this name only when it is whole; - is stdout')
    .option('--as <name@version>', 'what bundles of several names are together, such as platform@2.0')
    .option('--volume-size <size>', 'write volumes of at most this size, as build does')
    .option('--sha256sums', 'write <output>.sha256 for sha256sum -c; costs one more read (volumes always have it)', false)
    .addOption(volumesOption())
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
A base and its delta give the tar that a full build would have written, byte for byte. Bundles of several names keep all releases,
images and charts; one release in two of them, or one reference with two contents, is an error.

Examples:
  $ diolkos merge shop-1.4.tar delta-1.5.tar -o shop-1.5.tar
  $ diolkos merge shop.tar monitoring.tar -o all.tar --as platform@2.0`,
    )
    .action(async (files: string[], flags: MergeFlags) => {
      const { mergeBundles } = await import('../merge-bundles.ts');
      const { printMerged } = await import('../print-merged.ts');
      const { parseVolumeSize } = await import('../../images/output/volume-size.ts');
      const { withProgress } = await import('../progress.ts');
      const { output, as, volumeSize: size, sha256sums: sums, volumes, format } = flags;
      const name = as === undefined ? {} : { as: parseName(as) };
      const volumeSize = size === undefined ? {} : { volumeSize: parseVolumeSize(size) };
      const options = { ...name, ...volumeSize, sums, volumes, signal };
      printMerged(await withProgress((progress) => mergeBundles(files, output, { ...options, progress })), format);
    });
}

function parseName(text: string): { readonly name: string; readonly version: string } {
  const at = text.indexOf('@');
  const name = Name.safeParse(text.slice(0, at));
  const version = Version.safeParse(text.slice(at + 1));
  if (at > 0 && name.success && version.success) return { name: name.data, version: version.data };
  throw new BundleError('USAGE_INVALID', `--as ${text} is no name and version`, { hint: 'such as --as platform@2.0' });
}
