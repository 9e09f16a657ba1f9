import type { Command } from 'commander';
import { type Format, formatOption } from './format-option.ts';
import { volumesOption } from './volumes-option.ts';

/** `diolkos inspect`: what a bundle holds, from its first entry alone. */
export function addInspect(root: Command, signal: AbortSignal): void {
  root
    .command('inspect')
    .description('show what a bundle holds: releases, charts, images with digests, platforms and sizes')
    .argument('<bundle>', 'the tar, such as shop.tar; or a volume of it, such as shop.tar.001')
    .addOption(volumesOption())
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
Examples:
  $ diolkos inspect shop.tar
  $ diolkos inspect shop.tar --format json | jq '.images | length'`,
    )
    .action(async (file: string, { volumes, format }: { volumes: string[]; format: Format }) => {
      const { openBundle } = await import('../../images/bundle/bundle-reader.ts');
      const { readSignature } = await import('../../images/signature/check-signature.ts');
      const { printBundle } = await import('../print-bundle.ts');
      const bundle = await openBundle(file, { volumes, signal });
      try {
        printBundle(bundle, await readSignature(bundle), format);
      } finally {
        await bundle.close();
      }
    });
}
