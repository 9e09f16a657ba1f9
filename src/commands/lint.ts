import { Command } from 'commander';
import type { LintFlags } from '../lint-sources.ts';
import { noCacheOption } from './cache-option.ts';
import { addChartOptions, addScanOptions } from './chart-options.ts';
import { formatOption } from './format-option.ts';

/** `diolkos lint`: what may go wrong behind the gap, told on the connected side. */
export function addLint(root: Command, signal: AbortSignal): void {
  const command = new Command('lint')
    .copyInheritedSettings(root)
    .description('print what may go wrong behind the gap: removed APIs, mutable tags, references no rewrite reaches; errors fail')
    .argument('<source...>', 'a spec such as bundle.yaml, or charts: folders and .tgz files, for which no network is used')
    .option('--strict', 'let warnings fail too', false);
  addScanOptions(addChartOptions(command))
    .option('--no-gates', 'do not look behind switches, which takes the most renders')
    .addOption(noCacheOption())
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
The flags for charts stand for what a spec says. Exits 1 when there is an error, or with --strict a warning; docs/findings.md has every
code. JSON is described by bundle-spec/schemas/lint-report.schema.json.

Examples:
  $ diolkos lint bundle.yaml --strict
  $ diolkos lint ./chart --kube-version 1.34 --kube-version 1.36
  $ diolkos lint bundle.yaml --format json | jq '.charts[].findings[] | select(.severity == "error")'`,
    )
    .action(async (names: readonly string[], flags: LintFlags) => {
      const { lintSources } = await import('../lint-sources.ts');
      if (!(await lintSources(names, flags, { signal }))) process.exitCode = 1;
    });
  root.addCommand(command);
}
