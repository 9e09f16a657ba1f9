import { Command } from 'commander';
import type { RewriteFlags } from '../rewrite-sources.ts';
import { addChartOptions } from './chart-options.ts';
import { formatOption } from './format-option.ts';
import { volumesOption } from './volumes-option.ts';

/** `diolkos rewrite`: what the Job will set so that every image comes from the registry behind the gap, and the proof. */
export function addRewrite(root: Command, signal: AbortSignal): void {
  const command = new Command('rewrite')
    .copyInheritedSettings(root)
    .description('print the values that bring every image from the registry behind the gap, and prove that none is left')
    .argument('<source>', 'a bundle such as shop.tar or a volume of it, a spec such as bundle.yaml, or a chart: a folder or .tgz')
    .option('--site <file>', 'the site, such as site.yaml: its registry, pull secret and values')
    .option('--registry <host>', 'without a site: the registry, such as registry.internal:5000')
    .option('--prefix <path>', 'without a site: the path in front of every repository, such as mirror/shop')
    .option('--pull-secret <name>', 'without a site: the Secret that every pod has to pull with')
    .option('--manifests', 'print what would be installed, post-rendering included, not the values', false)
    .option('--partial', 'print what there is also when the proof fails', false);
  addChartOptions(command)
    .addOption(volumesOption())
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
Images are named <registry>/<prefix>/<source host>/<path>. The flags for charts stand for what a spec says.
Exits 1 when anything is left. JSON is described by bundle-spec/schemas/rewrite-report.schema.json.

Examples:
  $ diolkos rewrite shop.tar --site site.yaml
  $ diolkos rewrite bundle.yaml --site site.yaml --format json | jq '.releases[].overrides'
  $ diolkos rewrite ./chart --registry registry.internal:5000 --values prod.yaml --manifests`,
    )
    .action(async (name: string, flags: RewriteFlags) => {
      const { rewriteSources } = await import('../rewrite-sources.ts');
      await rewriteSources(name, flags, { signal });
    });
  root.addCommand(command);
}
