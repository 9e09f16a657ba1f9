import type { Command } from 'commander';
import { type Format, formatOption } from './format-option.ts';
import { volumesOption } from './volumes-option.ts';

/** `diolkos push`: what the Job's push step does, from a workstation behind the gap. */
export function addPush(root: Command, signal: AbortSignal): void {
  root
    .command('push')
    .description('push every image and chart of a bundle to the registry of a site, straight from the tar')
    .argument('<bundle>', 'the tar, such as shop.tar; or a volume of it, such as shop.tar.001')
    .requiredOption('--site <file>', 'the site, such as site.yaml')
    .option('--overwrite', 'move tags that exist with another digest; without it they are an error', false)
    .addOption(volumesOption())
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
Credentials come from the docker and containers config files of the user (docker login, podman login).

Examples:
  $ diolkos push shop.tar --site site.yaml
  $ diolkos push shop.tar --site site.yaml --format json`,
    )
    .action(async (file: string, flags: { site: string; overwrite: boolean; volumes: string[]; format: Format }) => {
      const { site, overwrite, volumes, format } = flags;
      const { pushToSite } = await import('../push-to-site.ts');
      const { printPushed } = await import('../print-pushed.ts');
      const { withProgress } = await import('../progress.ts');
      const report = await withProgress((progress) =>
        pushToSite(file, site, { volumes, onTagConflict: overwrite ? 'overwrite' : 'error', progress, signal }),
      );
      printPushed(report, format);
    });
}
