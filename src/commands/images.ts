import { Command, Option } from 'commander';
import { noCacheOption } from './cache-option.ts';
import { addChartOptions, addScanOptions, type ChartFlags } from './chart-options.ts';
import { type Format, formatOption } from './format-option.ts';

interface ImagesFlags extends ChartFlags {
  readonly gates: boolean;
  readonly why?: string;
  readonly format: Format;
}

/** `diolkos images`: what would travel, where it was found and how. Asks charts only, never an image registry. */
export function addImages(root: Command, signal: AbortSignal): void {
  const command = new Command('images')
    .copyInheritedSettings(root)
    .description('list every image of a spec or of charts, where it was found and how it is rewritten; pulls nothing')
    .argument('<source...>', 'a spec such as bundle.yaml, or charts: folders and .tgz files, for which no network is used');
  addScanOptions(addChartOptions(command))
    .option('--no-gates', 'do not look behind switches, which takes the most renders')
    .addOption(new Option('--why <reference>', 'tell of one image each render, object, value and template line that shows it'))
    .addOption(noCacheOption())
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
The flags for charts stand for what a spec says. Everything is listed, also what no rewrite reaches: findings never fail the command,
only charts that cannot be surveyed do; lint fails on findings, build on places that are left. JSON is described by
bundle-spec/schemas/images-report.schema.json, with --why by image-reasons.schema.json.

Examples:
  $ diolkos images bundle.yaml
  $ diolkos images ./chart --values prod.yaml --profile all=all.yaml --kube-version 1.34 --format json
  $ diolkos images ./chart --why redis:7.0.5
  $ diolkos images bundle.yaml --format json | jq -r '.charts[].images[].reference'`,
    )
    .action(async (names: readonly string[], flags: ImagesFlags) => {
      if (flags.why === undefined) {
        const { listImages } = await import('../list-images.ts');
        await listImages(names, flags, { signal });
      } else {
        const { explainImages } = await import('../explain-images.ts');
        await explainImages(names, flags.why, flags, { signal });
      }
    });
  root.addCommand(command);
}
