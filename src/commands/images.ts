import type { Command } from 'commander';
import { type Format, formatOption } from './format-option.ts';

/** `diolkos images`: what would travel, where it was found and how. Asks charts only, never an image registry. */
export function addImages(root: Command, signal: AbortSignal): void {
  root
    .command('images')
    .description('list every image the charts will run, where it was found and how it is rewritten; pulls nothing')
    .argument('<spec>', 'the spec, such as bundle.yaml')
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
Examples:
  $ diolkos images bundle.yaml
  $ diolkos images bundle.yaml --format json | jq -r '.images[].reference'`,
    )
    .action(async (spec: string, flags: { format: Format }) => {
      const { discoverBundle } = await import('../discover-bundle.ts');
      const { printDiscovered } = await import('../print-discovered.ts');
      printDiscovered(await discoverBundle(spec, { signal }), flags.format);
    });
}
