import type { Command } from 'commander';
import { type Format, formatOption } from './format-option.ts';
import { volumesOption } from './volumes-option.ts';

/** `diolkos manifest`: the objects to apply behind the gap. */
export function addManifest(root: Command, signal: AbortSignal): void {
  root
    .command('manifest')
    .description('print what to apply behind the gap: namespaces, service account, rights, the site and the Job')
    .argument('<bundle>', 'the tar, such as shop.tar; or a volume of it, such as shop.tar.001')
    .requiredOption('--site <file>', 'the site, such as site.yaml')
    .addOption(volumesOption())
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
As text it is a YAML stream, as json a List; kubectl takes both.

Examples:
  $ diolkos manifest shop.tar --site site.yaml | kubectl apply -f -
  $ diolkos manifest shop.tar --site site.yaml > job.yaml`,
    )
    .action(async (file: string, flags: { site: string; volumes: string[]; format: Format }) => {
      const { manifestForSite } = await import('../manifest-for-site.ts');
      const { site, volumes, format } = flags;
      process.stdout.write(await manifestForSite(file, site, { volumes, format, signal }));
    });
}
