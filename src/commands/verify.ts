import type { Command } from 'commander';
import { type Format, formatOption } from './format-option.ts';

/** `diolkos verify`: every byte of a bundle against its digests. */
export function addVerify(root: Command, signal: AbortSignal): void {
  root
    .command('verify')
    .description('check a bundle: every header, every digest, every image complete; says which image a damaged blob hurts')
    .argument('<bundle>', 'the tar, such as shop.tar')
    .option('--quick', 'check structure, checksums of the metadata and sizes, and leave the blobs unread', false)
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
Examples:
  $ diolkos verify shop.tar
  $ diolkos verify /media/disk/shop.tar --quick`,
    )
    .action(async (file: string, flags: { quick: boolean; format: Format }) => {
      const { verifyBundle } = await import('../../images/verify-bundle.ts');
      const { printVerified } = await import('../print-bundle.ts');
      printVerified(file, await verifyBundle(file, { full: !flags.quick, signal }), flags.format);
    });
}
