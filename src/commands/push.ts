import { type Command, Option } from 'commander';
import type { TagPolicy } from '../../images/registry/registry.ts';
import { type Format, formatOption } from './format-option.ts';
import { volumesOption } from './volumes-option.ts';

interface Flags {
  readonly site: string;
  readonly tagConflict: TagPolicy;
  readonly volumes: readonly string[];
  readonly format: Format;
}

/** `diolkos push`: what the Job's push step does, from a workstation behind the gap. */
export function addPush(root: Command, signal: AbortSignal): void {
  root
    .command('push')
    .description('push every image and chart of a bundle to the registry of a site, straight from the tar')
    .argument('<bundle>', 'the tar, such as shop.tar; or a volume of it, such as shop.tar.001')
    .requiredOption('--site <file>', 'the site, such as site.yaml')
    .addOption(tagConflictOption())
    .addOption(volumesOption())
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
Credentials come from the docker and containers config files of the user (docker login, podman login).

Examples:
  $ diolkos push shop.tar --site site.yaml
  $ diolkos push shop.tar --site site.yaml --tag-conflict overwrite
  $ diolkos push shop.tar --site site.yaml --format json`,
    )
    .action(async (file: string, flags: Flags) => {
      const { site, tagConflict, volumes, format } = flags;
      const { pushToSite } = await import('../push-to-site.ts');
      const { printPushed } = await import('../print-pushed.ts');
      const { withProgress } = await import('../progress.ts');
      const report = await withProgress((progress) =>
        pushToSite(file, site, { volumes, onTagConflict: tagConflict, progress, signal }),
      );
      printPushed(report, format);
    });
}

/** Called as in the Job. */
function tagConflictOption(): Option {
  const policies: readonly TagPolicy[] = ['error', 'overwrite', 'skip'];
  return new Option(
    '--tag-conflict <policy>',
    'what to do with tags that exist with another digest: refuse to push anything, move them, or leave them as they are',
  )
    .choices(policies)
    .default('error');
}
