import type { Command } from 'commander';
import { type Format, formatOption } from './format-option.ts';

/** `diolkos sign`: for a key that must not be where bundles are built. */
export function addSign(root: Command, signal: AbortSignal): void {
  root
    .command('sign')
    .description('put a signature into a bundle that was built with a place for one (sign: { minisign: { later: true } })')
    .argument('<bundle>', 'the tar, such as shop.tar; no other byte of it changes')
    .option('--key <key>', 'secret key file of minisign; or what cosign --key takes: a key file, or a key in a KMS')
    .option('--password-env <name>', 'environment variable with the password of the key')
    .option('--signature <file>', 'take a signature of bundle.json that minisign or cosign made elsewhere')
    .option('--again', 'replace the signature that is there', false)
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
Sign before volumes and checksums of the tar are made: they are of its bytes.

Examples:
  $ diolkos sign shop.tar --key minisign.key --password-env MINISIGN_PASSWORD
  $ tar xf shop.tar bundle.json && minisign -S -m bundle.json     # where the key is
  $ diolkos sign shop.tar --signature bundle.json.minisig`,
    )
    .action(async (file: string, flags: SignFlags) => {
      const { signInPlace } = await import('../sign-in-place.ts');
      const { printSigned } = await import('../print-bundle.ts');
      printSigned(file, await signInPlace(file, { ...flags, signal }), flags.format);
    });
}

interface SignFlags {
  readonly key?: string;
  readonly passwordEnv?: string;
  readonly signature?: string;
  readonly again: boolean;
  readonly format: Format;
}
