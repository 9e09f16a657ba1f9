import { BundleError } from '../bundle-spec/bundle-error.ts';

/** The words of a hint about a spec, and what they are for a chart that was given alone. */
const inFlags: readonly (readonly [RegExp, string])[] = [
  [/in the release’s "values"/, 'with --values or --set'],
  [/give the release the values/, 'give with --values or --set the values'],
  [/check "target\.kubernetes" of the spec/, 'check --kube-version'],
  [
    /chart\.path is a directory with a Chart\.yaml or a packed \.tgz, relative to the spec/,
    'give a folder with a Chart.yaml, a packed .tgz, or a spec that ends in .yaml',
  ],
];

/** The same error, with a hint that names flags and the chart's path where it named a spec. */
export function bareChartError(error: BundleError, path: string): BundleError {
  let { hint } = error;
  if (hint === undefined) return error;
  for (const [words, flag] of inFlags) hint = hint.replace(words, flag);
  hint = hint.replace('run "helm dependency build" on the chart', `run "helm dependency build ${path}"`);
  return new BundleError(error.code, error.message, { hint, cause: error });
}

/** `--ignore redis` for `images: {ignore: ["redis"]}`: the line to add to a spec, as the flag that stands for it. */
export function asFlag(specLine: string): string {
  const [, field, list = ''] = /^images: \{ ?(ignore|extra|paths): \[(.*)\] ?\}$/.exec(specLine) ?? [];
  if (field === undefined) return specLine;
  const [, text = list] = /^"(.*)"$/.exec(list) ?? [];
  const value = /\bpath: "?([^",}]+)"?/.exec(text)?.[1]?.trim() ?? text;
  return `--${field === 'paths' ? 'path' : field} ${/^[\w./:@+=-]+$/.test(value) ? value : `'${value}'`}`;
}
