import type { Command } from 'commander';
import { type Format, formatOption } from './format-option.ts';
import { volumesOption } from './volumes-option.ts';

const more = (file: string, before: readonly string[] = []): readonly string[] => [...before, file];

/** `diolkos verify`: every byte of a bundle against its digests. */
export function addVerify(root: Command, signal: AbortSignal): void {
  root
    .command('verify')
    .description('check a bundle: every header, every digest, every image complete; says which image a damaged blob hurts')
    .argument('<bundle>', 'the tar, such as shop.tar; or a volume of it, such as shop.tar.001')
    .option('--quick', 'check structure, checksums of the metadata and sizes, and leave the blobs unread', false)
    .option('--key <file>', 'public key of minisign or cosign that must have signed the bundle; of several, one', more)
    .option('--site <file>', 'prove it with the keys of a site (signedBy), as push and the Job do')
    .addOption(volumesOption())
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
Examples:
  $ diolkos verify shop.tar
  $ diolkos verify shop.tar --key shop.pub
  $ diolkos verify /media/disk/shop.tar --quick
  $ diolkos verify /media/one/shop.tar.001 --volumes /media/two --volumes /media/three`,
    )
    .action(async (file: string, flags: VerifyFlags) => {
      const { verifyBundle } = await import('../../images/bundle/verify-bundle.ts');
      const { printVerified } = await import('../print-bundle.ts');
      const { withProgress } = await import('../progress.ts');
      const { trustedKeys, verifySignature } = await import('../verify-signature.ts');
      const { quick, volumes, format } = flags;
      const keys = await trustedKeys({ ...flags, signal });
      // Who made it comes first; where nobody asks, damage does.
      if (keys.length > 0) await verifySignature(file, keys, { volumes, signal });
      const verified = await withProgress(({ bytes: onBytes }) => verifyBundle(file, { full: !quick, volumes, onBytes, signal }));
      printVerified(file, verified, await verifySignature(file, keys, { volumes, signal }), format);
    });
}

interface VerifyFlags {
  readonly quick: boolean;
  readonly key?: readonly string[];
  readonly site?: string;
  readonly volumes: readonly string[];
  readonly format: Format;
}
