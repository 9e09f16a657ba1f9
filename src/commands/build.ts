import type { Command } from 'commander';
import { noCacheOption } from './cache-option.ts';
import { type Format, formatOption } from './format-option.ts';

/** `diolkos build`: a spec goes in, one tar and its lock come out. */
export function addBuild(root: Command, signal: AbortSignal): void {
  root
    .command('build')
    .description('find every image of the charts, pull images and charts into one tar, prove that nothing is missing')
    .argument('<spec>', 'the spec, such as bundle.yaml')
    .requiredOption('-o, --output <file>', 'the tar to write; it has this name only when it is whole')
    .option('--locked', 'take every digest from the lock beside the spec, resolve nothing anew', false)
    .addOption(noCacheOption())
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
Examples:
  $ diolkos build bundle.yaml -o shop.tar            # writes shop.tar, and bundle.lock.yaml beside the spec
  $ diolkos build bundle.yaml -o shop.tar --locked   # the same bytes again, from that lock`,
    )
    .action(async (spec: string, flags: { output: string; locked: boolean; format: Format }) => {
      const { buildBundle } = await import('../build-bundle.ts');
      const { printBuilt } = await import('../print-built.ts');
      const { withProgress } = await import('../progress.ts');
      const built = await withProgress((progress) => buildBundle(spec, flags.output, { locked: flags.locked, progress, signal }));
      printBuilt(built, flags.format);
    });
}
