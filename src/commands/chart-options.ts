import { type Command, Option } from 'commander';

/** How a chart is rendered when no spec says so. Flags that were not given are absent. */
export interface ChartFlags {
  readonly values?: readonly string[];
  readonly set?: readonly string[];
  readonly kubeVersion?: readonly string[];
  readonly apiVersions?: readonly string[];
  readonly namespace?: string;
  readonly name?: string;
  readonly path?: readonly string[];
  readonly ignore?: readonly string[];
  readonly extra?: readonly string[];
  /** `name=file`, in order. */
  readonly profile?: readonly string[];
  readonly placeholder?: boolean;
}

/** Adds the flags that stand for what a spec says of a release: values, names, versions and `images.*`. */
export function addChartOptions(command: Command): Command {
  return command
    .addOption(repeated('--values <file>', 'values file of a chart, as helm takes it'))
    .addOption(repeated('--set <path=value>', 'single values of a chart, as helm takes them; lists and maps as JSON'))
    .addOption(repeated('--kube-version <version>', 'Kubernetes a chart is rendered for, such as 1.34; default the newest known'))
    .addOption(repeated('--api-versions <version>', 'API version of that cluster, such as monitoring.coreos.com/v1'))
    .option('--namespace <name>', 'namespace of the release of a chart; default the name of the release')
    .option('--name <name>', 'name of the release of a chart; default the name of the chart')
    .addOption(repeated('--path <path>', 'images.paths of a spec: a value that holds an image and is not found without help'))
    .addOption(repeated('--ignore <reference>', 'images.ignore of a spec: a reference that may stay foreign'))
    .addOption(repeated('--extra <reference>', 'images.extra of a spec: a reference that no render shows'));
}

/** Adds `--profile` and `--placeholder`, which only widen what is looked at. */
export function addScanOptions(command: Command): Command {
  return command
    .addOption(repeated('--profile <name=file>', 'scan profile of a chart: a values file put on top for looking only'))
    .option('--placeholder', 'fill values that a chart demands with placeholders, to look further');
}

/** A flag that may be given several times, each with one value. */
function repeated(flags: string, description: string): Option {
  return new Option(flags, `${description} (repeatable)`).argParser((value: string, before: readonly string[] = []) => [
    ...before,
    value,
  ]);
}
